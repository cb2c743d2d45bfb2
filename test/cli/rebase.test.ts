import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import type { Index } from '../../src/image/types.js';
import { mainFile } from '../helpers/cli.js';
import { type BuiltImage, buildImage, put, type RawLayer, writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';
import { runFile } from './run.js';

const rebase = (...args: string[]) => runFile(mainFile, ['rebase', ...args]);
const done = { status: 0, stdout: '', stderr: '' };
const name = 'org.opencontainers.image.base.name';
const digest = 'org.opencontainers.image.base.digest';

const oldLayers: RawLayer[] = [
  [
    { name: 'etc/', type: 'dir' },
    { name: 'etc/version', content: '1' },
  ],
  [{ name: 'etc/fixed', content: 'no' }],
];
const newLayers: RawLayer[] = [
  [
    { name: 'etc/', type: 'dir' },
    { name: 'etc/version', content: '2' },
    { name: 'etc/added', content: 'new' },
  ],
];
const appLayers: RawLayer[] = [
  [{ name: 'app', content: 'app' }],
  [{ name: 'etc/.wh.version' }, { name: 'etc/config', content: 'of app' }],
];

const entry = (createdBy: string, empty = false) => ({
  created: '2020-01-01T00:00:00Z',
  created_by: createdBy,
  ...(empty && { empty_layer: true }),
});
const oldHistory = [entry('FROM 1'), entry('ENV', true), entry('FIX 1')];
const newHistory = [entry('FROM 2')];
const appHistory = [entry('ARG', true), entry('COPY app'), entry('CMD', true), entry('COPY config')];

/** A layout with the tags `old`, `new` and `app`, which is based on `old`. */
function write(t: ExecutionContext, options: { newIn?: string } = {}): { layout: string; app: BuiltImage } {
  const layout = join(tmpdir(t), 'layout');
  const base = (history: object[], version: string) => ({
    config: (config: BuiltImage['config']) => Object.assign(config, { history, 'os.version': version }),
  });
  writeImage(layout, oldLayers, { tag: 'old', edit: base(oldHistory, '1') });
  writeImage(options.newIn ?? layout, newLayers, { tag: 'new', edit: base(newHistory, '2') });
  const app = writeImage(layout, [...oldLayers, ...appLayers], {
    tag: 'app',
    config: { Cmd: ['/app'], Env: ['A=b'] },
    edit: {
      config: (config) =>
        Object.assign(config, {
          ...{ author: 'me', 'os.version': '1', history: [...oldHistory, ...appHistory] },
        }),
      manifest: (manifest) => {
        manifest.annotations = { 'x.y': 'z' };
      },
    },
  });
  return { layout, app };
}

test('rebase composes layers, history and config as crane does', (t) => {
  const { layout, app } = write(t);
  const args = ['--image', app.reference, '--tag', 'rebased'];
  t.deepEqual(rebase(...args, '--old', `${layout}:old`, '--new', `${layout}:new`), done);
  const before = resolveReference(openLayout(layout), 'app');
  const base = resolveReference(openLayout(layout), 'new');
  const { manifest, config } = resolveReference(openLayout(layout), 'rebased');
  t.deepEqual(manifest.layers, [...base.manifest.layers, ...before.manifest.layers.slice(2)]);
  const { rootfs } = before.config;
  const diffIDs = [...base.config.rootfs.diff_ids, ...rootfs.diff_ids.slice(2)];
  const rest = { rootfs: { ...rootfs, diff_ids: diffIDs }, history: [...newHistory, ...appHistory] };
  t.deepEqual(config, { ...before.config, ...rest, 'os.version': '2' });
  t.deepEqual(manifest.annotations, {
    ...{ 'x.y': 'z', [digest]: base.path[0].digest, [name]: 'new' },
  });
});

rootTest('umoci unpacks the rebased image as the same layers on the new base', (t) => {
  if (!requires(t, 'umoci', 'skopeo')) return;
  const { layout, app } = write(t);
  const expected = writeImage(layout, [...newLayers, ...appLayers], { tag: 'expected' });
  const args = ['--image', app.reference, '--old', `${layout}:old`, '--new', `${layout}:new`];
  t.deepEqual(rebase(...args), done);
  const dir = tmpdir(t);
  for (const [at, reference] of [app.reference, expected.reference].entries())
    execFileSync('umoci', ['unpack', '--image', reference, join(dir, `${at}`)]);
  t.deepEqual(diffTrees(treeOf(join(dir, '0/rootfs')), treeOf(join(dir, '1/rootfs'))), []);
  execFileSync('skopeo', ['copy', '--quiet', `oci:${app.reference}`, `oci:${dir}/copy`]);
});

test('rebase to the base that the annotations name, and again when the tag has moved', (t) => {
  const { layout, app } = write(t);
  const args = ['--image', app.reference];
  t.is(rebase(...args, '--old', `${layout}:old`, '--new', `${layout}:new`).status, 0);
  t.deepEqual(rebase(...args), done);
  const same = resolveReference(openLayout(layout), 'app');
  writeImage(layout, [[{ name: 'third', content: '3' }]], { tag: 'new', edit: { index: keepLast('new') } });
  t.deepEqual(rebase(...args), done);
  const { manifest, config } = resolveReference(openLayout(layout), 'app');
  const base = resolveReference(openLayout(layout), 'new');
  t.deepEqual(manifest.layers, [...base.manifest.layers, ...same.manifest.layers.slice(1)]);
  t.is(manifest.annotations?.[digest], base.manifestDescriptor.digest);
  t.deepEqual(config.history?.slice(1), appHistory);
});

test('layers of a base in another layout are copied, with sha512 too', (t) => {
  const newIn = join(tmpdir(t), 'other');
  const { layout, app } = write(t, { newIn });
  t.deepEqual(rebase('--image', app.reference, '--old', `${layout}:old`, '--new', `${newIn}:new`), done);
  const { manifest } = resolveReference(openLayout(layout), 'app');
  t.is(manifest.layers.length, 3);
  for (const layer of manifest.layers) t.true(existsSync(app.blob(layer.digest)));
});

test('a base that is damaged leaves the tag', (t) => {
  const newIn = join(tmpdir(t), 'other');
  const { layout, app } = write(t, { newIn });
  const { digest: layer } = resolveReference(openLayout(newIn), 'new').manifest.layers[0]!;
  const file = join(newIn, 'blobs', layer.replace(':', '/'));
  writeFileSync(file, readFileSync(file).fill(1, 12));
  const index = readFileSync(join(layout, 'index.json'));
  const outcome = rebase('--image', app.reference, '--old', `${layout}:old`, '--new', `${newIn}:new`);
  t.is(outcome.status, 5);
  t.regex(outcome.stderr, /^layerhook: blob sha256:[^\n]+ is corrupt[^\n]+\n$/);
  t.deepEqual(readFileSync(join(layout, 'index.json')), index);
  t.false(existsSync(app.blob(layer)));
});

test('an image of an index is rebased onto the base of its platform in an index', (t) => {
  const { layout } = buildImage(t, []);
  const index = (tag: string, ofArch: (arch: string) => RawLayer[]) => {
    const manifests = ['amd64', 'arm64'].map((architecture) => {
      const edit = { config: (config: BuiltImage['config']) => Object.assign(config, { architecture }) };
      writeImage(layout, ofArch(architecture), { tag: 'part', edit });
      const { annotations: _, ...part } = openLayout(layout).readIndex().manifests.at(-1)!;
      return { ...part, platform: { os: 'linux', architecture } };
    });
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const whole = put(
      layout,
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })),
      mediaType,
    );
    const all = openLayout(layout).readIndex().manifests.slice(0, -2);
    const tagged = { ...whole, annotations: { 'org.opencontainers.image.ref.name': tag } };
    writeFileSync(
      join(layout, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [...all, tagged] }),
    );
    return whole;
  };
  const base = (arch: string, version: string): RawLayer => [{ name: 'base', content: arch + version }];
  index('old', (arch) => [base(arch, '1')]);
  const next = index('new', (arch) => [base(arch, '2')]);
  index('app', (arch) => [base(arch, '1'), [{ name: 'app', content: arch }]]);
  const bases = ['--old', `${layout}:old`, '--new', `${layout}:new`];
  t.deepEqual(rebase('--image', `${layout}:app`, '--platform', 'linux/arm64', ...bases), done);
  const read = (tag: string, architecture: string) =>
    resolveReference(openLayout(layout), tag, { platform: { os: 'linux', architecture } });
  const [own, other] = [read('app', 'arm64'), read('app', 'amd64')];
  t.deepEqual(own.manifest.layers[0], read('new', 'arm64').manifest.layers[0]);
  t.is(own.manifest.annotations?.[digest], next.digest);
  t.deepEqual(other.manifest.layers[0], read('old', 'amd64').manifest.layers[0]);
});

test('rebase refuses, with the reason', (t) => {
  const { layout, app } = write(t);
  const index = readFileSync(join(layout, 'index.json'));
  const old = ['--old', `${layout}:old`];
  const next = ['--new', `${layout}:new`];
  const cases: [args: string[], reason: RegExp, exit?: number][] = [
    [['--old', `${layout}:new`, ...next], /layer 0 of the image is not layer 0 of the old base/],
    [['--old', `${layout}:long`, ...next], /the image has 4 layers, and the old base has 5/],
    [next, /its old base is unknown: it has no annotation org\.opencontainers\.image\.base\.digest; .*--old/],
    [old, /its new base is unknown: it has no annotation org\.opencontainers\.image\.base\.name; .*--new/],
    [[...old, '--new', `${layout}:missing`], /tag missing is not in/, 3],
    [[...next, ...old, '--platform', 'linux/arm64'], /has no image for linux\/arm64/, 3],
  ];
  const long = writeImage(layout, [...oldLayers, ...appLayers, []], { tag: 'long' });
  for (const [args, reason, exit = 12] of cases) {
    const { status, stdout, stderr } = rebase('--image', app.reference, ...args);
    t.is(status, exit, stderr);
    t.is(stdout, '');
    t.regex(stderr, reason);
    t.is(stderr.split('\n').length, 2);
  }
  const annotated = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
  t.deepEqual(annotated.manifests.slice(0, -1), (JSON.parse(index.toString()) as Index).manifests);
  t.is(annotated.manifests.at(-1)?.digest, openLayout(layout).readIndex().manifests.at(-1)?.digest);
  t.is(long.tag, 'long');
});

test('an annotation that leads nowhere is refused', (t) => {
  const annotate = (annotations: Record<string, string>) =>
    buildImage(t, oldLayers, {
      edit: {
        manifest: (manifest) => {
          manifest.annotations = annotations;
        },
      },
    });
  const far = annotate({ [name]: 'docker.io/library/debian:12' });
  t.regex(
    rebase('--image', far.reference).stderr,
    /annotation [^ ]+ is docker\.io\/library\/debian:12, which is not a tag of /,
  );
  const gone = annotate({ [name]: 'latest', [digest]: `sha256:${'0'.repeat(64)}` });
  t.regex(rebase('--image', gone.reference).stderr, /its old base, sha256:0+, is not in /);
  const bad = annotate({ [name]: 'latest', [digest]: '../../etc' });
  t.regex(rebase('--image', bad.reference).stderr, /malformed digest/);
});

/** Removes all descriptors of a tag but the last one. */
function keepLast(tag: string) {
  return (index: Index): void => {
    const last = index.manifests.at(-1);
    const isOther = (descriptor: Index['manifests'][number]) =>
      descriptor === last || descriptor.annotations?.['org.opencontainers.image.ref.name'] !== tag;
    index.manifests = index.manifests.filter(isOther);
  };
}
