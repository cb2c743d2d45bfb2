import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { LayerSource } from '../../src/layer/types.js';
import type { LayerOptions, LayerProgress } from '../../src/layer/unpacker.js';
import { type ImageOptions, sha256 } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { until } from '../helpers/until.js';
import { type Bench, bench, dir, file, many, options } from './bench.js';

test.beforeEach((t) => {
  requires(t, 'root');
});

test('layers on top of each other, decompressed ahead', async (t) => {
  const layers = [many(500, 3000), [file('.wh.f0'), dir('d')], [file('d/x', 'y')], [file('.wh.f1')]];
  const { unpacker, sources, target } = bench(t, layers);
  const root = target('root');
  unpacker.prefetch(sources);
  for (const [i, source] of sources.entries()) {
    const applied = await unpacker.apply(source, root, options);
    t.is(applied.digest, source.digest);
    t.is(applied.diffID, source.diffID);
    t.is(applied.entries, layers[i]!.length);
    t.is(applied.bytes % 512, 0);
  }
  t.is(readdirSync(root).length, 499);
  t.is(readFileSync(join(root, 'd/x'), 'utf8'), 'y');
});

test('the same layer twice', async (t) => {
  const { unpacker, sources, target } = bench(t, [many(5, 10), many(5, 10)]);
  const root = target('root');
  unpacker.prefetch(sources);
  for (const source of sources) await unpacker.apply(source, root, options);
  t.is(readdirSync(root).length, 5);
});

test('layers that were announced but left out do not delay others', async (t) => {
  const big = (prefix: string) => many(20, 1 << 20, prefix);
  const { unpacker, sources, target } = bench(t, [big('a'), big('b'), big('c'), big('d'), [file('other')]]);
  const root = target('root');
  unpacker.prefetch(sources.slice(0, 4));
  await unpacker.apply(sources[2]!, root, options);
  t.is(readdirSync(root).length, 20);
  await unpacker.apply(sources[4]!, root, options);
  await unpacker.apply(sources[0]!, root, options);
  t.is(readdirSync(root).length, 41);
});

test('layers apart run side by side', async (t) => {
  const { unpacker, sources, target } = bench(
    t,
    [0, 1, 2, 3, 4, 5].map((i) => many(200, 2000, `l${i}-`)),
  );
  const roots = sources.map((_, i) => target(`root${i}`));
  const applied = await Promise.all(
    sources.map((source, i) =>
      unpacker.apply(source, roots[i]!, { ...options, track: null, whiteouts: 'overlay' }),
    ),
  );
  t.true(applied.every(({ entries }) => entries === 200));
  t.deepEqual(
    roots.map((root) => readdirSync(root).length),
    [200, 200, 200, 200, 200, 200],
  );
});

const apart: LayerOptions = { ...options, into: 'directory' };
const noise = (count: number) => many(count, 0).map((each) => ({ ...each, content: randomBytes(4000) }));

/** Makes an image with one layer, and threads for the layer. */
type Start = (
  t: ExecutionContext<unknown>,
  layer: RawEntry[],
  image?: ImageOptions,
) => Bench & { source: LayerSource };

const alone: Start = (t, layer, image) => {
  const made = bench(t, [layer], image);
  return { ...made, source: made.sources[0]! };
};

/** Two threads of one layer each: the layers keep each other's cores busy. */
const besideOthers: Start = (t, layer, image) => {
  const made = bench(t, [layer, [file('other')]], image);
  const [source] = made.sources as [LayerSource];
  made.unpacker.start(
    Array.from({ length: availableParallelism() }, () => source),
    'directory',
  );
  return { ...made, source };
};

const ways: [title: string, start: Start, layer: RawEntry[], how: LayerOptions][] = [
  ['a layer that two threads read and apply', alone, many(300, 3000), options],
  ['a small independent layer', alone, many(20, 3000), apart],
  ['a layer that one thread reads and applies', besideOthers, noise(600), apart],
];

for (const [title, start, layer, how] of ways)
  test(`${title} is refused with the error of what is wrong with it`, async (t) => {
    const zeros = `sha256:${'0'.repeat(64)}`;
    const { unpacker, source, target } = start(t, layer);
    const cases: [code: string, changed: Partial<LayerSource>][] = [
      ['DIFF_ID', { diffID: zeros }],
      ['BLOB_DIGEST', { digest: zeros }],
      ['DIGEST_INVALID', { diffID: 'sha256:x' }],
      ['BLOB_SIZE', { size: source.size - 1 }],
      ['BLOB_NOT_FOUND', { path: `${source.path}-none` }],
    ];
    for (const [code, changed] of cases) {
      const root = target(code);
      await t.throwsAsync(unpacker.apply({ ...source, ...changed }, root, how), { code }, code);
      if (code === 'BLOB_NOT_FOUND' || code === 'BLOB_SIZE') t.deepEqual(readdirSync(root), [], code);
    }
    t.is((await unpacker.apply(source, target('root'), how)).entries, layer.length);

    const hostile = start(t, [...layer, file('.wh.')]);
    await t.throwsAsync(hostile.unpacker.apply(hostile.source, hostile.target('root'), how), {
      code: 'LAYER_ENTRY',
      message: /\.wh\./,
    });
    // the entry comes first, and its cause is the blob
    const spoilt = { ...hostile.source, digest: zeros };
    await t.throwsAsync(hostile.unpacker.apply(spoilt, hostile.target('spoilt'), how), {
      code: 'BLOB_DIGEST',
    });
    const whole = tar(layer);
    const short = whole.subarray(0, whole.length * 0.8);
    const cut = start(t, [], { blob: () => gzipSync(short) });
    const shortened = { ...cut.source, diffID: sha256(short) };
    await t.throwsAsync(cut.unpacker.apply(shortened, cut.target('root'), how), { code: 'TAR_INVALID' });
  });

test('a layer of another compression than its media type says is read by another thread', async (t) => {
  if (!requires(t, 'zstd')) return;
  const zstd = (tar: Buffer) => execFileSync('zstd', ['-q'], { input: tar, maxBuffer: 2 ** 24 });
  for (const blob of [zstd, (tar: Buffer) => tar]) {
    const { unpacker, source, target } = besideOthers(t, noise(600), { blob });
    // a smaller one would be read before it is applied
    t.true(source.size > 2 << 20);
    t.is((await unpacker.apply(source, target('root'), apart)).entries, 600);
  }
});

test('an abort ends a thread that reads and applies a layer', async (t) => {
  const { unpacker, source, target, abort } = besideOthers(t, [...noise(3000), hugeHole(), file('last')]);
  const root = target('root');
  const progress: LayerProgress[] = [];
  const applying = unpacker.apply(source, root, { ...apart, onProgress: (each) => progress.push(each) });
  await until('there is progress', () => progress.length > 1, 10);
  t.true(progress.at(-1)!.blobBytes > 0 && progress.at(-1)!.bytes > 0 && progress.at(-1)!.entries > 0);
  abort.abort();
  await t.throwsAsync(applying, { code: 'ABORTED' });
  const count = readdirSync(root).length;
  t.false(existsSync(join(root, 'last')));
  await unpacker.close();
  t.is(readdirSync(root).length, count);
});

test('a small independent layer may be compressed or not, in one member or several', async (t) => {
  const members = (tar: Buffer) =>
    Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]);
  const images: ImageOptions[] = [{ compression: 'none' }, { compression: 'gzip' }, { blob: members }];
  for (const [i, image] of images.entries()) {
    const { unpacker, sources, target } = bench(t, [many(20, 3000)], image);
    const { diffID, entries, bytes } = await unpacker.apply(sources[0]!, target('root'), {
      ...options,
      into: 'directory',
    });
    t.is(diffID, sources[0]!.diffID);
    t.is(entries, 20, `${i}`);
    t.true(bytes > 20 * 3000);
  }
});

test('after a refused layer the threads go on with the next', async (t) => {
  const { unpacker, sources, target } = bench(t, [[file('.wh.'), ...many(5000, 3000)], [file('x')]]);
  const root = target('root');
  unpacker.prefetch(sources);
  await t.throwsAsync(unpacker.apply(sources[0]!, root, options), { code: 'LAYER_ENTRY' });
  t.is((await unpacker.apply(sources[1]!, root, options)).entries, 1);
});

test('progress comes as it goes', async (t) => {
  const { unpacker, sources, target } = bench(t, [many(8000, 20_000)], { compression: 'none' });
  const reports: { blobBytes: number; bytes: number; entries: number }[] = [];
  await unpacker.apply(sources[0]!, target('root'), {
    ...options,
    onProgress: (progress) => reports.push(progress),
  });
  t.true(reports.length > 0);
  t.true(reports.every(({ entries }) => entries <= 8000));
  t.true(reports.at(-1)!.bytes > 0 && reports.at(-1)!.entries > 0);
  t.deepEqual(
    reports,
    reports.toSorted((a, b) => a.entries - b.entries),
  );
});

test('warnings come once a layer', async (t) => {
  const xattrs = { 'security.selinux': 'x' };
  const { unpacker, sources, target, warnings } = bench(t, [
    [file('a', '', { xattrs }), file('b', '', { xattrs })],
  ]);
  await unpacker.apply(sources[0]!, target('root'), options);
  t.is(warnings.length, 1);
});

test('an abort ends the unpacker, and nothing is written after that', async (t) => {
  // the hole keeps the unpacker busy however late this thread sees the first files
  const layer = [...many(20_000, 4000), hugeHole(), file('last')];
  const { unpacker, sources, target, abort } = bench(t, [layer], { compression: 'none' });
  const root = target('root');
  const applying = unpacker.apply(sources[0]!, root, options);
  await until('ten files are written', () => readdirSync(root).length >= 10, 5);
  abort.abort();
  await t.throwsAsync(applying, { code: 'ABORTED' });
  const count = readdirSync(root).length;
  t.false(existsSync(join(root, 'last')));
  await unpacker.close();
  t.is(readdirSync(root).length, count);
  await t.throwsAsync(unpacker.apply(sources[0]!, root, options), { code: 'ABORTED' });
});

test('an abort ends also what does not read: the digest of a file of 4 TiB', async (t) => {
  const { unpacker, sources, target, abort } = bench(t, [[hugeHole()]]);
  const root = target('root');
  const applying = unpacker.apply(sources[0]!, root, options);
  await until('the file is there', () => readdirSync(root).length > 0, 5);
  await new Promise((resolve) => setTimeout(resolve, 200));
  abort.abort();
  await t.throwsAsync(applying, { code: 'ABORTED' });
});

test('close ends the threads while something is under way', async (t) => {
  const { unpacker, sources, target, abort } = bench(t, [many(2000, 4000), many(2000, 4000)]);
  unpacker.prefetch(sources);
  const applying = unpacker.apply(sources[0]!, target('root'), options);
  applying.catch(() => {});
  abort.abort();
  await unpacker.close();
  await t.throwsAsync(applying);
});

/** A sparse file that is a hole, as GNU tar's PAX format 1.0 writes it. */
function hugeHole(): RawEntry {
  const pax = {
    'GNU.sparse.major': '1',
    'GNU.sparse.minor': '0',
    'GNU.sparse.name': 'huge',
    'GNU.sparse.realsize': String(2 ** 42),
  };
  return file('huge', `1\n${2 ** 42}\n0\n`.padEnd(512, '\0'), { pax });
}
