import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { History, ImageConfig, Manifest } from '../../src/image/types.js';
import { mainFile } from '../helpers/cli.js';
import { type BuiltImage, buildImage, type ImageOptions } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

const created = '2021-02-03T04:05:06Z';

function layerhook(t: ExecutionContext, args: string[], env: NodeJS.ProcessEnv = {}) {
  const outcome = runFile(mainFile, args, { XDG_CONFIG_HOME: '/nonexistent', ...env });
  t.is(outcome.status, 0, outcome.stderr);
  return outcome;
}

function unpacked(t: ExecutionContext, args: string[] = [], options: ImageOptions = {}) {
  const image = buildImage(
    t,
    [
      [
        { name: 'usr/bin/', type: 'dir' },
        { name: 'bin', type: 'symlink', linkname: 'usr/bin' },
        { name: 'vol/', type: 'dir' },
        { name: 'owned', content: 'x', uid: 5, gid: 6 },
      ],
      [
        { name: 'bin/', type: 'dir' },
        { name: 'bin/tool', content: '#!' },
      ],
    ],
    options,
  );
  const bundle = join(tmpdir(t), 'bundle');
  const { stdout, stderr } = layerhook(t, ['unpack', ...args, '--image', image.reference, bundle]);
  t.is(stdout + stderr, '');
  return { image, bundle, rootfs: join(bundle, 'rootfs') };
}

/** What umoci says about a tag. */
function statOf({ layout }: BuiltImage, tag: string) {
  const json = execFileSync('umoci', ['stat', '--json', '--image', `${layout}:${tag}`], { encoding: 'utf8' });
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const name = 'org.opencontainers.image.ref.name';
  const { digest } = index.manifests.find(
    (each: { annotations: Record<string, string> }) => each.annotations[name] === tag,
  );
  const read = (blob: string) =>
    JSON.parse(readFileSync(join(layout, 'blobs', blob.replace(':', '/')), 'utf8'));
  const manifest: Manifest = read(digest);
  const config: ImageConfig = read(manifest.config.digest);
  return { history: JSON.parse(json).history as History[], manifest, config };
}

function entriesOf({ layout }: BuiltImage, manifest: Manifest): string[] {
  const { digest } = manifest.layers.at(-1)!;
  const blob = join(layout, 'blobs', digest.replace(':', '/'));
  return execFileSync('tar', ['-taf', blob], { encoding: 'utf8' }).trim().split('\n');
}

rootTest('unpack: silent, a bundle that only its owner enters', (t) => {
  const { bundle, rootfs } = unpacked(t);
  t.is(lstatSync(bundle).mode & 0o777, 0o700);
  t.is(readdirSync(bundle).filter((name) => name.endsWith('.mtree')).length, 1);
  t.true(lstatSync(join(rootfs, 'bin')).isDirectory());
  t.is(lstatSync(join(rootfs, 'owned')).uid, 5);
});

rootTest('unpack --keep-dirlinks, --mtree never, --uid-map and --gid-map', (t) => {
  const maps = ['--uid-map', '0:1000:100', '--gid-map', '0:2000:100'];
  const { bundle, rootfs } = unpacked(t, ['--keep-dirlinks', '--mtree', 'never', ...maps]);
  t.true(lstatSync(join(rootfs, 'bin')).isSymbolicLink());
  t.true(existsSync(join(rootfs, 'usr/bin/tool')));
  t.deepEqual(
    readdirSync(bundle).filter((name) => name.endsWith('.mtree')),
    [],
  );
  const { uid, gid } = lstatSync(join(rootfs, 'owned'));
  t.deepEqual([uid, gid], [1005, 2006]);
  const { map_options } = JSON.parse(readFileSync(join(bundle, 'umoci.json'), 'utf8'));
  t.deepEqual(map_options.uid_mappings, [{ containerID: 0, hostID: 1000, size: 100 }]);
});

test('--json and --digestfile tell the new manifest', (t) => {
  const { layout, reference } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  const [bundle, file] = [join(tmpdir(t), 'bundle'), join(tmpdir(t), 'digest')];
  const told = ['--json', '--digestfile', file];
  const unpacked = JSON.parse(layerhook(t, ['unpack', ...told, '--image', reference, bundle]).stdout);
  t.like(unpacked, { image: reference, bundle, layers: 1, skipped: 0, entries: 1, bytes: 2048 });
  t.is(readFileSync(file, 'utf8'), unpacked.manifest.digest);
  writeFileSync(join(bundle, 'rootfs/b'), 'b');
  const repacked = JSON.parse(layerhook(t, ['repack', ...told, '--image', `${layout}:new`, bundle]).stdout);
  t.like(repacked, { tag: 'new', changes: 2 });
  t.is(readFileSync(file, 'utf8'), repacked.manifest.digest);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  t.is(index.manifests.at(-1).digest, repacked.manifest.digest);
});

test('unpack refuses malformed values of --mtree and --platform before it writes', (t) => {
  const { reference } = buildImage(t, [[{ name: 'a' }]]);
  const bundle = join(tmpdir(t), 'bundle');
  for (const [option, value, told] of [
    ['--mtree', 'sometimes', 'invalid --mtree sometimes: expected always or never'],
    ['--platform', 'a/b/c/d', 'malformed platform a/b/c/d;'],
  ] as const) {
    const { status, stderr } = runFile(mainFile, ['unpack', option, value, '--image', reference, bundle]);
    t.is(status, 2);
    t.true(stderr.startsWith(`layerhook: ${told}`), stderr);
    t.false(existsSync(bundle));
  }
});

test('repack takes the options for history, and umoci reads the result', (t) => {
  if (!requires(t, 'root', 'umoci')) return;
  const { image, bundle, rootfs } = unpacked(t);
  writeFileSync(join(rootfs, 'new'), 'new');
  const history = ['author', 'comment', 'created_by'].map((name) => `--history.${name}=${name} x`);
  const args = [...history, `--history.created=${created}`, '--image', `${image.layout}:told`, bundle];
  layerhook(t, ['repack', ...args]);
  t.like(statOf(image, 'told').history.at(-1), {
    author: 'author x',
    comment: 'comment x',
    created,
    created_by: 'created_by x',
  });
  layerhook(t, ['repack', '--no-history', '--image', `${image.layout}:untold`, bundle]);
  t.is(statOf(image, 'untold').config.history?.length, 2);
  layerhook(t, ['repack', '--image', `${image.layout}:plain`, bundle], { SOURCE_DATE_EPOCH: '86400' });
  const plain = statOf(image, 'plain').history.at(-1);
  t.like(plain, { created: '1970-01-02T00:00:00Z', created_by: 'layerhook repack' });
});

test('repack: masks, volumes, compression, refreshing', (t) => {
  if (!requires(t, 'root', 'umoci', 'tar', 'zstd')) return;
  const { image, bundle, rootfs } = unpacked(t, [], { config: { Volumes: { '/vol': {} } } });
  for (const path of ['new', 'vol/data', 'usr/masked']) writeFileSync(join(rootfs, path), path);
  const repack = (tag: string, ...args: string[]) => {
    layerhook(t, ['repack', ...args, '--image', `${image.layout}:${tag}`, bundle]);
    return statOf(image, tag).manifest;
  };
  const files = (manifest: Manifest) => entriesOf(image, manifest).filter((name) => !name.endsWith('/'));
  t.deepEqual(files(repack('a', '--mask-path', '/usr')), ['new']);
  t.deepEqual(files(repack('b', '--no-mask-volumes')), ['new', 'usr/masked', 'vol/data']);
  const layer = (manifest: Manifest) => manifest.layers.at(-1)!.mediaType.split('.tar')[1];
  t.is(layer(repack('c', '--compress', 'none')), '');
  t.is(layer(repack('d', '--compress=zstd')), '+zstd');
  t.is(layer(repack('e', '--refresh-bundle')), '+gzip');
  t.is(repack('f').layers.length, 3);
});

rootTest('both commands report what they did with --verbose', (t) => {
  const { image, bundle, rootfs } = unpacked(t);
  writeFileSync(join(rootfs, 'new'), 'new');
  const args = ['repack', '--verbose', '--image', `${image.layout}:x`, bundle];
  t.regex(
    layerhook(t, args).stderr,
    /^layerhook: repacked \S+ as sha256:\S+ tag=x changes=2 layer=sha256:\S+\n$/m,
  );
  const again = ['unpack', '--verbose', '--image', `${image.layout}:x`, join(tmpdir(t), 'b')];
  t.regex(
    layerhook(t, again).stderr,
    /^layerhook: unpacked \S+ to \S+ layers=3 skipped=0 extracted=\d+ entries, /m,
  );
});
