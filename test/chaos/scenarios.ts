/** What is tried under faults: commands, the state that each begins with, and what shows its result. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chainIDs } from '../../src/image/chain.js';
import { sha256, writeImage } from '../../src/testing/image.js';
import { tar } from '../helpers/tar.js';
import { annotationsOf, script } from '../hooks/archive/setup.js';
import { large, layers } from './image.js';
import { exports, ofLayouts } from './layouts.js';
import { bundle, files, listed, tags, type View } from './look.js';
import { Fault, lh, type Place, runIn, succeedIn } from './place.js';
import type { Scenario } from './scenario.js';

function image({ layout }: Place): void {
  writeImage(layout, layers, {});
}

const unpack = (place: Place, driver: string) =>
  lh('unpack', '--driver', driver, '--image', `${place.layout}:latest`, place.bundle);

/** A bundle with changes that have been flushed. */
function changedBundle(place: Place, driver: string): void {
  image(place);
  succeedIn(place, unpack(place, driver));
  const change = 'echo changed > d/large; rm s; mkdir new; echo new > new/file; chmod 700 e; sync -f .';
  execFileSync('sh', ['-ec', change], { cwd: join(place.bundle, 'rootfs') });
}

const mountBundle = (place: Place) => void succeedIn(place, lh('bundle', 'mount', place.bundle));
const repack = (place: Place, ...options: string[]) =>
  lh('repack', ...options, '--image', `${place.layout}:new`, place.bundle);
const layoutGc = (place: Place) => [lh('gc', '--layout', place.layout)];
const storeGc = () => [lh('store', 'gc')];
const bothGc = (place: Place) => [...layoutGc(place), ...storeGc()];
const whole = [tags, bundle, listed];

/** Private directories beside a bundle. */
const beside = /^\/\.b\.layerhook-/;

const unpacks = ['copy', 'overlay', 'erofs'].map(
  (driver): Scenario => ({
    name: `unpack ${driver}`,
    prepare: (place) => {
      image(place);
      // an empty store
      succeedIn(place, unpack(place, driver), lh('bundle', 'rm', place.bundle), lh('store', 'gc'));
    },
    command: (place) => unpack(place, driver),
    looks: whole,
    gc: storeGc,
    leaves: beside,
    done: /already/,
  }),
);

const repacks = [
  ['copy', false],
  ['copy', true],
  ['overlay', false],
  ['overlay', true],
  ['erofs', true],
] as const;

const repacking = repacks.map(
  ([driver, refresh]): Scenario => ({
    name: `repack ${driver}${refresh ? ' refresh' : ''}`,
    prepare: (place) => changedBundle(place, driver),
    begin: mountBundle,
    command: (place) => repack(place, ...(refresh ? ['--refresh-bundle', '--no-history'] : [])),
    looks: whole,
    gc: bothGc,
    leaves: /^\/b\/(.*\.tmp|layerhook\.(clock|entries-.*))$/,
  }),
);

const removing = ['copy', 'overlay'].map(
  (driver): Scenario => ({
    name: `bundle rm ${driver}`,
    prepare: (place) => changedBundle(place, driver),
    begin: mountBundle,
    command: (place) => lh('bundle', 'rm', place.bundle),
    looks: [tags, wholeBundle, listed],
    gc: storeGc,
    leaves: /^\/(\.b\.layerhook-|b(\/|$))/,
    done: /no bundle at/,
  }),
);

/** A bundle that is partly removed is refused until it is removed. */
function wholeBundle(place: Place): View {
  const { status, stderr } = runIn(place, lh('bundle', 'mount', place.bundle));
  if (status === 0) return bundle(place);
  if (!/bundle rm|no bundle at/.test(stderr)) throw new Fault(stderr);
  return {};
}

const ofBundles: Scenario[] = [
  {
    name: 'bundle mount',
    prepare: (place) => changedBundle(place, 'overlay'),
    command: (place) => lh('bundle', 'mount', place.bundle),
    looks: [bundle, listed],
    gc: storeGc,
  },
  {
    name: 'bundle umount',
    prepare: (place) => changedBundle(place, 'overlay'),
    begin: mountBundle,
    command: (place) => lh('bundle', 'umount', place.bundle),
    looks: [mounted, listed],
    gc: storeGc,
  },
  {
    name: 'store rm',
    prepare: (place) => {
      image(place);
      succeedIn(place, unpack(place, 'overlay'), lh('bundle', 'rm', place.bundle));
    },
    command: () => lh('store', 'rm', highestLayer),
    looks: [tags, layersOf],
    // without --keep, it would remove the layers
    gc: () => [lh('store', 'gc', '--keep', '1TiB')],
    done: /no layer/,
  },
  {
    name: 'store gc',
    prepare: (place) => {
      changedBundle(place, 'erofs');
      succeedIn(place, lh('bundle', 'rm', place.bundle), unpack(place, 'overlay'));
    },
    begin: mountBundle,
    command: () => lh('store', 'gc'),
    looks: whole,
    gc: storeGc,
  },
];

/** Tells if the rootfs is mounted. */
function mounted({ bundle: directory }: Place): View {
  return { mounted: String(readdirSync(join(directory, 'rootfs')).length > 0) };
}

/** The highest layer of the image by its chainID: no other layer is on top of it. */
const highestLayer = chainIDs(layers.map((entries) => sha256(tar(entries)))).at(-1)!;

/** Returns the layers that the store lists. */
function layersOf(place: Place): View {
  const list = JSON.parse(succeedIn(place, lh('store', 'ls', '--json'))) as { layer: { diffID: string } }[];
  return Object.fromEntries(list.map(({ layer }) => [layer.diffID, 'stored']));
}

/** The method `oci` moves a tag. */
function archiveTo({ root, layout }: Place, method: string): string {
  return method === 'oci' ? `${layout}:latest` : join(root, 'out/data');
}

/** The number of layers of the image: the new layer has the present time, and another digest in each run. */
function layerCount(place: Place): View {
  tags(place);
  const stat = lh('stat', '--json', '--image', `${place.layout}:latest`);
  const { manifest } = JSON.parse(succeedIn(place, stat)) as { manifest: { blob: { layers: unknown[] } } };
  return { layers: String(manifest.blob.layers.length) };
}

const archive = (method: string): Scenario => ({
  name: `archive_overlay ${method}`,
  prepare: (place) => {
    const { root } = place;
    image(place);
    for (const made of ['lower', 'upper', 'work', 'merged', 'out', 'bundle']) mkdirSync(join(root, made));
    writeFileSync(join(root, 'lower/a'), 'a');
    mkdirSync(join(root, 'upper/d'));
    writeFileSync(join(root, 'upper/d/large'), large);
    const to = { 'mount-point': '/data', 'archive-to': archiveTo(place, method), method };
    const annotations = annotationsOf({ data: { ...to, success: join(root, 'out/ok') } });
    const mounts = [{ destination: '/data', type: 'overlay', source: join(root, 'merged'), options: [] }];
    const config = { ociVersion: '1.0.2', annotations, mounts };
    writeFileSync(join(root, 'bundle/config.json'), JSON.stringify(config));
    // the first mount gives the upperdir a random attribute
    mountOverlay({ root });
  },
  begin: mountOverlay,
  command: ({ root }) => ({
    argv: [process.execPath, script, '--state-dir', join(root, 'state')],
    input: JSON.stringify({
      ...{ ociVersion: '1.0.2', id: 'box', status: 'stopped', pid: 0, bundle: join(root, 'bundle') },
    }),
  }),
  looks: [method === 'oci' ? layerCount : files('out/data'), files('out/ok')],
  gc: layoutGc,
  leaves: /^\/(out\/\.|state)/,
});

function mountOverlay({ root }: Pick<Place, 'root'>): void {
  const options = `lowerdir=${root}/lower,upperdir=${root}/upper,workdir=${root}/work`;
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, join(root, 'merged')]);
}

const ctk: Scenario = {
  name: 'ctk',
  prepare: ({ root }) => {
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc/daemon.json'), '{\n  "debug": true\n}\n');
  },
  command: ({ root }) =>
    lh(
      ...['ctk', 'runtime', 'configure', '--runtime', 'docker', '--runtime-path', '/bin/true'],
      ...['--config-file', join(root, 'etc/daemon.json'), '--path', resolve('hooks/layerhook-runtime')],
    ),
  looks: [files('etc/daemon.json')],
  gc: () => [],
  leaves: /^\/etc\/daemon\.json\./,
};

const ctkSnapshotter: Scenario = {
  name: 'ctk snapshotter',
  prepare: ({ root }) => {
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc/config.toml'), 'version = 2\n[grpc]\n  address = "/run/c.sock"\n');
  },
  command: ({ root }) =>
    lh('ctk', 'snapshotter', 'configure', '--config-file', join(root, 'etc/config.toml'), '--drop-in'),
  looks: [files('etc/config.toml'), files('etc/conf.d/zzz-layerhook-snapshotter.toml')],
  gc: () => [],
  leaves: /^\/etc\/(conf\.d$|config\.toml\.layerhook-ctk$|.*\.tmp$)/,
};

const commit: Scenario = {
  name: 'commit',
  prepare: () => {},
  command: ({ store }) => ({ argv: [process.execPath, resolve('dist/test/chaos/commit.js'), store] }),
  looks: [snapshots],
  gc: storeGc,
  // the active snapshot of a killed client, which belongs to the client until the repeated call removes it
  leaves: /^\/store\/snapshots\//,
};

/** The snapshots that the client of `commit.js` sees, with their files. */
function snapshots(place: Place): View {
  const { argv } = commit.command(place);
  return JSON.parse(succeedIn(place, { argv: [...argv, 'list'] })) as View;
}

export const scenarios: readonly Scenario[] = [
  ...unpacks,
  ...repacking,
  ...removing,
  ...ofBundles,
  ...ofLayouts,
  ...exports,
  archive('copy'),
  archive('tar'),
  archive('oci'),
  ctk,
  ctkSnapshotter,
  commit,
];
