import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ImageConfig, Manifest } from '../../src/image/types.js';
import { dir, file, hardlink, symlink } from '../../src/testing/entries.js';
import { runFile } from '../cli/run.js';
import { mainFile } from '../helpers/cli.js';
import { type BuiltImage, buildImage, writeImage } from '../helpers/image.js';
import { entriesOf, type LayerEntry } from '../helpers/layer.js';
import { requires } from '../helpers/requires.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { blobsOf, call, imageIn } from '../image/tars.js';
import { type Crane, craneNeeds, startCrane } from './crane.js';

/** A test that may need crane: `.ci/run` builds it where Go is installed. */
function craneTest(title: string, body: (t: ExecutionContext, crane: Crane) => void): void {
  test(title, async (t) => {
    if (requires(t, ...craneNeeds, 'python3', 'zstd')) body(t, await startCrane(t));
  });
}

/** Runs a command that must succeed, and returns its output. */
function layerhook(...args: string[]): string {
  const { status, stdout, stderr } = runFile(mainFile, args);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const entry = (createdBy: string, more: object = {}) => ({
  ...{ created: '2020-01-01T00:00:00Z', created_by: createdBy },
  ...more,
});
const empty = { empty_layer: true };

/** Layers that crane and layerhook must read alike. */
const layers: RawEntry[][] = [
  [
    dir('.', { mode: 0o751 }),
    dir('etc', { mode: 0o750, uid: 7, xattrs: { 'user.dir': 'd' } }),
    file('etc/passwd', 'root', { mode: 0o600 }),
    file('etc/old', 'old'),
    dir('data', { mode: 0o555 }),
    file('data/one', 'linked', { xattrs: { 'user.x': Buffer.from([0, 255, 10]) } }),
    hardlink('data/two', 'data/one'),
    dir('deleted'),
    file('deleted/file', 'x'),
    file('becomes-directory', 'x'),
    dir('becomes-file'),
    file('becomes-file/x', 'x'),
    { ...symlink('link', '/etc/passwd'), mode: 0o777 },
    { name: 'null', type: 'char', devMajor: 1, devMinor: 3, mode: 0o666 },
    { name: 'pipe', type: 'fifo', mode: 0o640 },
    file('setuid', 'binary', { mode: 0o6755, uid: 12, gid: 3_000_000 }),
    file(`${'n'.repeat(200)}`, 'long'),
    file('caf\u00c3\u00a9', 'utf8', { mtime: 1_000_000_000.25 }),
  ],
  [
    dir('etc', { mode: 0o755 }),
    file('etc/.wh.old'),
    file('.wh.deleted'),
    dir('becomes-directory'),
    file('becomes-directory/x', 'y'),
    file('becomes-file', 'y'),
  ],
  [file('etc/passwd', 'changed')],
];
const history = [entry('one'), entry('ENV', empty), entry('two'), entry('three')];
const execution = { Cmd: ['/a'], Env: ['A=b'], Labels: { kept: '1' }, ExposedPorts: { '8080/tcp': {} } };

/** An image under the tag `app`, in a layout and in crane's registry. */
function app(t: ExecutionContext, { push }: Crane): BuiltImage {
  const config = (document: ImageConfig) => Object.assign(document, { author: 'me', history });
  const image = buildImage(t, layers, { tag: 'app', config: execution, edit: { config } });
  push(image.layout, 'app');
  return image;
}

/** The files of a tar by path. All names of a file have its properties, and the list of its names. */
function treeOfTar(path: string): Record<string, object> {
  const entries = entriesOf(path);
  const fileOf = ({ name, type, linkname }: LayerEntry) => (type === '1' ? linkname! : name);
  const shown = entries.map((entry): [string, object] => {
    const path = fileOf(entry);
    const { name: _, ...properties } = entries.find(({ name }) => name === path) ?? entry;
    const links = entries.filter((other) => fileOf(other) === path).map(({ name }) => name);
    return [entry.name, { ...properties, links: links.sort() }];
  });
  return Object.fromEntries(shown);
}

/** Exports the image `app` with both programs. */
function exportBoth(t: ExecutionContext, { layout }: BuiltImage, { crane, at }: Crane) {
  const [ours, theirs] = [join(tmpdir(t), 'ours.tar'), join(tmpdir(t), 'theirs.tar')];
  layerhook('export', '--image', `${layout}:app`, '--output', ours);
  crane('export', at('app'), theirs);
  return { ours: treeOfTar(ours), theirs: treeOfTar(theirs), tar: theirs };
}

craneTest('flatten and export: the same files and config, another history', (t, registry) => {
  const image = app(t, registry);
  const { ours: files, theirs } = exportBoth(t, image, registry);
  t.is(Object.keys(files).length, 15);
  t.deepEqual(theirs, files);
  layerhook('flatten', '--image', image.reference, '--tag', 'flat');
  registry.crane('flatten', registry.at('app'), '--tag', registry.at('flat'));
  const [own, flat] = [imageIn(image.layout, 'flat'), registry.imageOf('flat')];
  t.deepEqual(treeOfTar(image.blob(own.manifest.layers[0]!.digest)), files);
  t.deepEqual(treeOfTar(registry.blob(flat.manifest.layers[0]!.digest)), files);
  t.deepEqual(rest(flat.config), rest(own.config));
  const emptied = history.map((entry) => ({ ...entry, ...empty }));
  t.deepEqual(own.config.history?.slice(0, -1), emptied);
  t.deepEqual(
    flat.config.history?.map(({ comment }) => JSON.parse(comment!)),
    [history],
  );
});

/** A config without what the layers decide. */
function rest({ history: _, rootfs, ...config }: ImageConfig) {
  return { ...config, layers: rootfs.diff_ids.length };
}

craneTest('ls-files and cat: the names and the content that crane export shows', (t, registry) => {
  const image = app(t, registry);
  const { theirs, tar } = exportBoth(t, image, registry);
  const shown = Buffer.from(layerhook('ls-files', image.reference)).toString('latin1').trimEnd().split('\n');
  t.deepEqual(shown.sort(), Object.keys(theirs).sort());
  for (const path of ['etc/passwd', 'data/one', 'becomes-directory/x'])
    t.is(layerhook('cat', image.reference, path), call('tar', '-xOf', tar, path), path);
});

craneTest('export: what crane loses', (t, registry) => {
  const image = buildImage(
    t,
    [
      [dir('.'), dir('opaque'), file('opaque/below'), dir('again'), file('again/below')],
      [file('opaque/.wh..wh..opq'), file('.wh.again'), file('a', 'linked'), hardlink('b', 'a')],
      [dir('again'), file('a', 'other'), file('twice', 'first'), file('twice', 'last')],
    ],
    { tag: 'app' },
  );
  registry.push(image.layout, 'app');
  const { ours, theirs } = exportBoth(t, image, registry);
  t.deepEqual(Object.keys(ours).sort(), ['.', 'a', 'again', 'b', 'opaque', 'twice']);
  // crane ignores opaque directories, and finds no deletion of a directory that is made again
  t.deepEqual(Object.keys(theirs).sort(), [...Object.keys(ours), 'again/below', 'opaque/below'].sort());
  // the link leads to the file that replaced its target
  t.like(theirs.b, { size: 'other'.length });
  t.like(ours.b, { size: 'linked'.length });
  // of two entries of a layer, the first counts
  t.like(theirs.twice, { size: 'first'.length });
  t.like(ours.twice, { size: 'last'.length });
});

craneTest('rebase: the same layers, history and platform, and crane drops the rest', (t, registry) => {
  const based = (history: object[], version: string, more: object = {}) => ({
    config: (config: ImageConfig) => Object.assign(config, { history, 'os.version': version, ...more }),
    manifest: (manifest: Manifest) => Object.assign(manifest, { annotations: { 'x.y': 'z' } }),
  });
  const { layout } = buildImage(t, layers.slice(0, 2), {
    tag: 'old',
    edit: based([entry('FROM 1'), entry('ENV', empty), entry('FIX')], '1'),
  });
  writeImage(layout, [[file('new')]], { tag: 'new', edit: based([entry('FROM 2')], '2') });
  const own = [entry('ARG', empty), entry('COPY'), entry('CMD', empty)];
  const all = [entry('FROM 1'), entry('ENV', empty), entry('FIX'), ...own];
  writeImage(layout, layers, { tag: 'app', config: execution, edit: based(all, '1', { author: 'me' }) });
  registry.push(layout, 'old', 'new', 'app');
  const [old, base] = ['old', 'new'].map((tag) => `${layout}:${tag}`);
  layerhook('rebase', '--image', `${layout}:app`, '--old', old!, '--new', base!, '--tag', 'rebased');
  const { crane, at } = registry;
  const bases = ['--old_base', at('old'), '--new_base', at('new')];
  crane('rebase', at('app'), ...bases, '--tag', at('rebased'));
  const [ours, theirs] = [imageIn(layout, 'rebased'), registry.imageOf('rebased')];
  t.deepEqual(theirs.manifest.layers, ours.manifest.layers);
  t.deepEqual(ours.config.history, [entry('FROM 2'), ...own]);
  const { author, ...config } = ours.config;
  t.deepEqual(theirs.config, { ...config, created: '0001-01-01T00:00:00Z' });
  t.is(author, 'me');
  const { 'x.y': kept, ...annotations } = ours.manifest.annotations!;
  const named = { 'org.opencontainers.image.base.name': at('new') };
  t.deepEqual(theirs.manifest.annotations, { ...annotations, ...named });
  t.is(kept, 'z');
});

craneTest('config: the same as crane mutate', (t, registry) => {
  const { layout, reference } = app(t, registry);
  const set: Record<string, string> = {
    ...{ '--config.cmd=a': '--cmd=a,b', '--config.cmd=b': '', '--config.entrypoint=e': '--entrypoint=e' },
    ...{
      '--config.env=X=1': '--env=X=1',
      '--config.env=A=c': '--env=A=c',
      '--config.label=k=v': '--label=k=v',
    },
    ...{ '--config.user=7': '--user=7', '--config.workingdir=/w': '--workdir=/w' },
    ...{
      '--config.exposedports=90/udp': '--exposed-ports=90/udp',
      '--os=linux': '--set-platform=linux/arm64/v8',
    },
    ...{
      '--architecture=arm64': '',
      '--platform.variant=v8': '',
      '--manifest.annotation=n=a': '--annotation=n=a',
    },
  };
  // crane replaces the ports, and keeps environment and labels
  const clear = '--clear=config.exposedports';
  layerhook('config', '--image', reference, '--tag', 'set', '--no-history', clear, ...Object.keys(set));
  const args = Object.values(set).filter((arg) => arg !== '');
  registry.crane('mutate', registry.at('app'), '--tag', registry.at('set'), ...args);
  const [ours, theirs] = [imageIn(layout, 'set'), registry.imageOf('set')];
  t.deepEqual(theirs.config, ours.config);
  t.deepEqual(theirs.manifest.annotations, ours.manifest.annotations);
  t.deepEqual(theirs.manifest.layers, ours.manifest.layers);
});

craneTest('raw add-layer and import: the same layer as crane append', (t, { crane, at, ...registry }) => {
  const { layout, reference } = app(t, { crane, at, ...registry });
  const layer = join(tmpdir(t), 'layer.tar');
  writeFileSync(layer, tar([file('added', 'a')]));
  layerhook('raw', 'add-layer', '--image', reference, '--tag', 'added', layer);
  crane('append', '--base', at('app'), '--new_layer', layer, '--new_tag', at('added'));
  const [ours, theirs] = [imageIn(layout, 'added'), registry.imageOf('added')];
  t.deepEqual(theirs.config.rootfs, ours.config.rootfs);
  t.deepEqual(rest(theirs.config), rest(ours.config));
  t.deepEqual(theirs.config.history?.length, ours.config.history?.length);
  layerhook('import', '--image', `${layout}:imported`, layer);
  crane('append', '--oci-empty-base', '--new_layer', layer, '--new_tag', at('imported'));
  t.deepEqual(registry.imageOf('imported').config.rootfs, imageIn(layout, 'imported').config.rootfs);
});

craneTest(
  'copy: crane pushes what we copied, we copy what crane pulled, and no byte changes',
  (t, registry) => {
    const { crane, at } = registry;
    const { layout, reference } = app(t, registry);
    const [copy, back, loaded] = ['copy', 'back', 'loaded'].map((name) => join(tmpdir(t), name));
    layerhook('copy', reference, copy!);
    crane('push', copy!, at('pushed'));
    t.is(crane('digest', at('pushed')), crane('digest', at('app')));
    layerhook('copy', registry.pull('pushed'), back!);
    t.deepEqual(blobsOf(back!), blobsOf(layout));
    const archive = join(tmpdir(t), 'image.tar');
    crane('pull', at('app'), archive);
    layerhook('copy', `docker-archive:${archive}`, loaded!);
    t.deepEqual(imageIn(loaded!, at('app')).config, imageIn(layout, 'app').config);
  },
);

craneTest('index: the same images as crane index append, and a pulled index needs no tag', (t, registry) => {
  const { crane, at } = registry;
  const { layout, reference } = app(t, registry);
  layerhook('config', '--image', reference, '--tag', 'arm', '--architecture', 'arm64');
  registry.push(layout, 'arm');
  const images = ['app', 'arm'];
  layerhook('index', 'add', '--image', `${layout}:multi`, ...images.map((tag) => `${layout}:${tag}`));
  crane('index', 'append', ...images.map((tag) => `--manifest=${at(tag)}`), '--tag', at('multi'));
  const pulled = registry.pull('multi');
  const list = (image: string) => JSON.parse(layerhook('index', 'ls', '--json', '--image', image));
  t.deepEqual(list(pulled), list(`${layout}:multi`));
  t.is(list(pulled).length, 2);
  t.regex(layerhook('ls', '--json', '--layout', pulled), /"tag": null/);
  const shown = layerhook('ls-files', '--platform', 'linux/arm64', pulled);
  t.is(shown, layerhook('ls-files', `${layout}:arm`));
  const copy = join(tmpdir(t), 'copy');
  layerhook('copy', `${layout}:multi`, copy);
  crane('push', copy, at('pushed'));
  t.is(crane('digest', at('pushed')), `${imageIndex(copy)}\n`);
});

function imageIndex(layout: string): string {
  return JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests[0].digest;
}

/** What happens to the file of a blob, after the registry has taken it. */
const damages: Record<string, { of: 'config' | 'layer'; damage: (file: string) => void }> = {
  'a layer with other content': {
    of: 'layer',
    damage: (file) => writeFileSync(file, readFileSync(file).fill(0x55, 12, 20)),
  },
  'a layer that is cut': { of: 'layer', damage: (file) => truncateSync(file, 20) },
  'a layer that is missing': { of: 'layer', damage: (file) => rmSync(file) },
  'another config': {
    of: 'config',
    damage: (file) => writeFileSync(file, readFileSync(file, 'utf8').replace('amd64', 'arm64')),
  },
  'a config that is missing': { of: 'config', damage: (file) => rmSync(file) },
};

/** Runs `validate` of both programs, which must agree. Returns the exit status. */
function validateBoth(t: ExecutionContext, { reference, tag }: BuiltImage, { at }: Crane): number | null {
  const theirs = spawnSync('crane', ['--insecure', 'validate', '--remote', at(tag)], { encoding: 'utf8' });
  const ours = runFile(mainFile, ['validate', reference]);
  t.is(theirs.status, ours.status, `${ours.stdout}${theirs.stderr}`);
  return ours.status;
}

craneTest('validate: crane accepts and refuses the same images', (t, registry) => {
  t.is(validateBoth(t, app(t, registry), registry), 0);
  for (const [name, { of, damage }] of Object.entries(damages)) {
    // another image for each damage: equal blobs are one file of the registry
    const config = (document: ImageConfig) => Object.assign(document, { author: name });
    const image = buildImage(t, [[file(name)]], { tag: 'bad', edit: { config } });
    registry.push(image.layout, 'bad');
    const { digest } = of === 'config' ? image.manifest.config : image.manifest.layers[0]!;
    for (const path of [image.blob(digest), registry.blob(digest)]) damage(path);
    t.is(validateBoth(t, image, registry), 1, name);
  }
  const swap = (config: ImageConfig) => config.rootfs.diff_ids.reverse();
  const pop = (config: ImageConfig) => config.rootfs.diff_ids.pop();
  for (const [tag, config] of Object.entries({ swap, pop })) {
    const image = buildImage(t, layers, { tag, edit: { config } });
    registry.push(image.layout, tag);
    t.is(validateBoth(t, image, registry), 1, tag);
  }
});
