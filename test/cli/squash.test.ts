import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import type { History } from '../../src/image/types.js';
import { mixedLayers } from '../engine/image/layers.js';
import { mainFile } from '../helpers/cli.js';
import { type BuiltImage, buildImage } from '../helpers/image.js';
import { entriesOf, type LayerEntry } from '../helpers/layer.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, type Tree, treeOf } from '../helpers/tree.js';
import { dir, file, hardlink } from '../layer/apply/harness.js';
import { runFile } from './run.js';

const layerhook = (...args: string[]) => runFile(mainFile, args);
const done = { status: 0, stdout: '', stderr: '' };

const squashes = (reference: string) =>
  [
    ['flat', ['flatten', '--image', reference]],
    ['from-0', ['squash', '--image', reference, '--from', '0']],
    ['from-1', ['squash', '--image', reference, '--from', '1']],
    ['from-2', ['squash', '--image', reference, '--from', '2']],
  ] as const;

function umociTree(t: ExecutionContext, reference: string): Tree {
  const bundle = join(tmpdir(t), 'bundle');
  execFileSync('umoci', ['unpack', '--image', reference, bundle]);
  return treeOf(join(bundle, 'rootfs'));
}

function resolved({ layout }: BuiltImage, tag: string) {
  return resolveReference(openLayout(layout), tag);
}

/** The entries of the highest layer of an image. */
function topEntries(image: BuiltImage, tag: string): LayerEntry[] {
  return entriesOf(image.blob(resolved(image, tag).manifest.layers.at(-1)!.digest));
}

rootTest('umoci and skopeo read flattened and squashed images as they read the original', (t) => {
  if (!requires(t, 'umoci', 'skopeo')) return;
  const image = buildImage(t, mixedLayers);
  const expected = umociTree(t, image.reference);
  for (const [tag, args] of squashes(image.reference)) {
    t.deepEqual(layerhook(...args, '--tag', tag), done, tag);
    t.deepEqual(diffTrees(umociTree(t, `${image.layout}:${tag}`), expected), [], tag);
    const copy = `oci:${tmpdir(t)}/copy`;
    execFileSync('skopeo', ['copy', '--quiet', `oci:${image.layout}:${tag}`, copy]);
  }
  t.is(resolved(image, 'flat').manifest.layers.length, 1);
  t.is(resolved(image, 'from-2').manifest.layers.length, 3);
});

test('a squashed layer has whiteouts, whole groups of hardlinks, and the directories above them', (t) => {
  if (!requires(t, 'python3', 'zstd')) return;
  const image = buildImage(t, [
    [
      dir('a'),
      dir('a/b'),
      file('a/b/one', '1'),
      hardlink('a/b/two', 'a/b/one'),
      file('kept'),
      dir('d'),
      file('d/x'),
    ],
    [file('a/b/.wh.one'), hardlink('linked', 'a/b/two'), file('.wh.d')],
    [dir('d'), file('d/y', 'y')],
  ]);
  t.deepEqual(layerhook('squash', '--from', '1', '--image', image.reference, '--tag', 'new'), done);
  const shown = topEntries(image, 'new').map(({ name, linkname }) =>
    linkname ? `${name}=${linkname}` : name,
  );
  t.deepEqual(shown, [
    ...['a/b/.wh.one', 'd/.wh..wh..opq'],
    ...['a', 'a/b', 'd'],
    ...['a/b/two', 'linked=a/b/two', 'd/y'],
  ]);
});

test('a flattened image keeps config and history, and its layer has the compression of the last', (t) => {
  const history: History[] = [
    { created_by: 'one' },
    { created_by: 'ENV', empty_layer: true },
    { created_by: 'two' },
    { created_by: 'three' },
  ];
  const image = buildImage(t, [[file('a')], [file('b')], [file('c')]], {
    config: { Cmd: ['/a'] },
    edit: { config: (config) => Object.assign(config, { history, author: 'me' }) },
  });
  const args = ['flatten', '--image', image.reference, '--tag'];
  const epoch = { SOURCE_DATE_EPOCH: '1234567890' };
  t.deepEqual(runFile(mainFile, [...args, 'new', '--history.comment', 'why'], epoch), done);
  const { manifest, config } = resolved(image, 'new');
  const [one, env, two, three] = history;
  const emptied = [one, env, two, three].map((entry) => ({ ...entry, empty_layer: true }));
  const made = {
    created: '2009-02-13T23:31:30Z',
    created_by: 'layerhook flatten',
    author: 'me',
    comment: 'why',
  };
  t.deepEqual(config, {
    ...image.config,
    history: [...emptied, made],
    rootfs: { type: 'layers', diff_ids: config.rootfs.diff_ids },
  } as never);
  t.regex(manifest.layers[0]!.mediaType, /tar\+gzip$/);
  t.is(layerhook(...args, 'plain', '--no-history', '--compress', 'none').status, 0);
  t.deepEqual(resolved(image, 'plain').config.history, [...emptied.slice(0, 3), three]);
  t.is(resolved(image, 'plain').config.rootfs.diff_ids.length, 1);
  const squash = ['squash', '--image', image.reference, '--from', image.config.rootfs.diff_ids[1]!, '--tag'];
  t.is(layerhook(...squash, 'upper', '--history.created_by', 'me').status, 0);
  const squashed = resolved(image, 'upper');
  t.is(squashed.manifest.layers[0]?.digest, image.manifest.layers[0]?.digest);
  t.deepEqual(squashed.config.history?.slice(0, -1), [one, env, ...emptied.slice(2)]);
  t.is(squashed.config.history?.at(-1)?.created_by, 'me');
});

test('SOURCE_DATE_EPOCH limits the times, and the compression of the layers does not matter', (t) => {
  if (!requires(t, 'python3', 'zstd')) return;
  const epoch = { SOURCE_DATE_EPOCH: '7000' };
  const digests = (['gzip', 'none'] as const).map((compression) => {
    const image = buildImage(t, mixedLayers, { compression });
    const args = ['flatten', '--compress', 'none', '--image', image.reference, '--tag', 'new'];
    t.deepEqual(runFile(mainFile, args, epoch), done);
    const times = new Map(topEntries(image, 'new').map(({ name, mtime }) => [name, mtime]));
    t.is(times.get('etc/passwd'), '7000.000000000');
    t.is(times.get('data'), '7000.000000000');
    t.is(times.get('.'), '1111.000000000');
    return resolved(image, 'new').manifest.layers[0]!.digest;
  });
  t.is(digests[0], digests[1]);
});

test('only the chosen image of an index is squashed', (t) => {
  const image = buildImage(t, [[file('a')], [file('b')]]);
  t.is(layerhook('flatten', '--platform', 'linux/amd64', '--image', image.reference).status, 0);
  t.is(resolved(image, 'latest').manifest.layers.length, 1);
  const other = layerhook('flatten', '--platform', 'linux/s390x', '--image', image.reference);
  t.regex(other.stderr, /has no image for linux\/s390x/);
});

test('an image that cannot be squashed keeps its tag, and says why', (t) => {
  const damaged = buildImage(t, mixedLayers);
  const blob = damaged.blob(damaged.manifest.layers[1]!.digest);
  writeFileSync(blob, readFileSync(blob).fill(1, 40));
  const hostile = buildImage(t, [[file('a')], [hardlink('b', 'missing')]]);
  const hole = buildImage(t, mixedLayers);
  const cases: [image: BuiltImage, args: string[], reason: RegExp][] = [
    [damaged, ['flatten'], /is corrupt/],
    [hostile, ['squash', '--from', '0'], /entry b: is a hardlink to missing, which does not exist/],
    [hole, ['flatten', '--max-holes', '1000'], /holes in sparse \(99992 bytes\)[^\n]+1000 bytes/],
    [hole, ['squash', '--from', '3'], /no layer 3 in [^\n]+: it has 3 layers; [^\n]+ lists the layers/],
    [hole, ['squash', '--from', '-1'], /no layer -1 in|requires|ambiguous|--from/],
    [hole, ['squash', '--from', `sha256:${'0'.repeat(64)}`], /no layer sha256:0+ in/],
    [hole, ['squash'], /--from/],
    [hole, ['flatten', '--tag', 'a b'], /tag breaks the grammar/],
    [hole, ['flatten', '--compress', 'lzma'], /unknown compression lzma/],
  ];
  for (const [image, args, reason] of cases) {
    const index = readFileSync(join(image.layout, 'index.json'));
    const { status, stdout, stderr } = layerhook(...args, '--image', image.reference);
    t.not(status, 0, stderr);
    t.is(stdout, '');
    t.regex(stderr, reason);
    t.deepEqual(readFileSync(join(image.layout, 'index.json')), index);
  }
});
