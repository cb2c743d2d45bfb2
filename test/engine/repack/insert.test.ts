import { execFileSync } from 'node:child_process';
import {
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { type InsertLayerOptions, insertLayer } from '../../../src/engine/repack/insert.js';
import { openLayout } from '../../../src/image/layout.js';
import { resolveReference } from '../../../src/image/resolve.js';
import { type BuiltImage, buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { entriesOf, show } from '../../layer/generate/entries.js';

function sourceOf(t: ExecutionContext<unknown>): string {
  const source = join(tmpdir(t), 'source');
  mkdirSync(join(source, 'd'), { recursive: true });
  writeFileSync(join(source, 'f'), 'f');
  linkSync(join(source, 'f'), join(source, 'd/hard'));
  symlinkSync('f', join(source, 'link'));
  // whole seconds: older umocis round fractions, where later ones and we cut them off
  for (const name of ['f', 'd', '.']) utimesSync(join(source, name), 1_000_000_000, 1_000_000_000);
  lutimesSync(join(source, 'link'), 1_000_000_000, 1_000_000_000);
  return source;
}

function makeImage(t: ExecutionContext<unknown>): BuiltImage {
  return buildImage(t, [
    [
      { name: 'etc/', type: 'dir' },
      { name: 'etc/old', content: 'old' },
    ],
  ]);
}

/** The tar of an image's newest layer. */
function topLayer(image: BuiltImage, tag = 'latest'): Buffer {
  const { manifest } = resolveReference(openLayout(image.layout), tag);
  return gunzipSync(readFileSync(image.blob(manifest.layers.at(-1)!.digest)));
}

async function insert(
  image: BuiltImage,
  options: Partial<InsertLayerOptions> & { target: string },
): Promise<Buffer> {
  await insertLayer({ image: image.reference, source: null, tag: 'new', ...options });
  return topLayer(image, 'new');
}

test('a directory is inserted with all that is in it, hardlinks kept', async (t) => {
  const tar = await insert(makeImage(t), { source: sourceOf(t), target: '/opt/../opt//x/' });
  t.deepEqual(show(tar), [
    ...['directory opt/x/', 'directory opt/x/d/', 'file opt/x/d/hard'],
    ...['hardlink opt/x/f -> opt/x/d/hard', 'symlink opt/x/link -> f'],
  ]);
});

test('a directory can be inserted at the root', async (t) => {
  const tar = await insert(makeImage(t), { source: sourceOf(t), target: '/' });
  t.deepEqual(show(tar).slice(0, 3), ['directory ./', 'directory d/', 'file d/hard']);
});

test('a file gets the name of the target; a symlink is not followed', async (t) => {
  const image = makeImage(t);
  const source = sourceOf(t);
  t.deepEqual(show(await insert(image, { source: join(source, 'f'), target: 'bin/g' })), ['file bin/g']);
  t.deepEqual(show(await insert(image, { source: join(source, 'link'), target: 'bin/g' })), [
    'symlink bin/g -> f',
  ]);
});

test('an opaque directory hides what was there before', async (t) => {
  const tar = await insert(makeImage(t), { source: sourceOf(t), target: 'etc', opaque: true });
  t.deepEqual(show(tar).slice(0, 2), ['file etc/.wh..wh..opq', 'directory etc/']);
});

test('of a file, opaque means nothing, as with umoci', async (t) => {
  const tar = await insert(makeImage(t), { source: join(sourceOf(t), 'f'), target: 'etc/f', opaque: true });
  t.deepEqual(show(tar), ['file etc/f']);
});

test('a whiteout deletes the target, with no history if none is wanted', async (t) => {
  const image = makeImage(t);
  t.deepEqual(show(await insert(image, { target: '/etc/old', history: false })), ['file etc/.wh.old']);
  const { config } = resolveReference(openLayout(image.layout), 'new');
  t.is(config.history!.length, 1);
  t.is(config.rootfs.diff_ids.length, 2);
});

rootTest('times follow SOURCE_DATE_EPOCH, owners the map', async (t) => {
  const image = makeImage(t);
  const source = sourceOf(t);
  chownSync(join(source, 'f'), 100_001, 100_002);
  utimesSync(join(source, 'f'), 5, 2_000_000_000);
  const range = [{ containerID: 0, hostID: 100_000, size: 10 }];
  const tar = await insert(image, {
    ...{ source: join(source, 'f'), target: 'f', sourceDateEpoch: 1_500_000_000 },
    map: { uidMappings: range, gidMappings: range, rootless: false },
  });
  const [entry] = entriesOf(tar);
  t.deepEqual([entry!.uid, entry!.gid, entry!.mtime.sec], [1, 2, 1_500_000_000]);
  const { config } = resolveReference(openLayout(image.layout), 'new');
  t.like(config.history!.at(-1), { created: '2017-07-14T02:40:00Z', created_by: 'layerhook insert' });
});

test('a refused insert leaves the image unchanged', async (t) => {
  const image = makeImage(t);
  const source = sourceOf(t);
  const before = readFileSync(join(image.layout, 'index.json'));
  const file = join(source, 'f');
  for (const [options, code] of [
    [{ source: join(source, 'none'), target: 'x' }, 'FILE_NOT_FOUND'],
    [{ source: file, target: '/' }, 'LAYER_PATH'],
    [{ source: null, target: '/' }, 'LAYER_PATH'],
    [{ source: null, target: 'etc/.wh.old' }, 'LAYER_PATH'],
    [{ source: file, target: '.wh.d/x' }, 'LAYER_PATH'],
  ] as const) {
    await t.throwsAsync(insert(image, { ...options, tag: 'latest' }), { code }, JSON.stringify(options));
  }
  writeFileSync(join(source, '.wh.x'), '');
  await t.throwsAsync(insert(image, { source, target: 'x' }), { code: 'LAYER_PATH' });
  t.true(readFileSync(join(image.layout, 'index.json')).equals(before));
});

test('umoci inserts the same', async (t) => {
  if (!requires(t, 'root', 'umoci')) return;
  const source = sourceOf(t);
  for (const [flags, options] of [
    [[source, '/opt/x'], { source, target: '/opt/x' }],
    [['--opaque', source, 'etc'], { source, target: 'etc', opaque: true }],
    [['--whiteout', '/etc/old'], { target: '/etc/old' }],
    [[join(source, 'link'), 'etc/link'], { source: join(source, 'link'), target: 'etc/link' }],
  ] as const) {
    const image = makeImage(t);
    const ours = entriesOf(await insert(image, options));
    execFileSync('umoci', ['insert', '--image', image.reference, '--tag', 'theirs', ...flags]);
    const theirs = entriesOf(topLayer(image, 'theirs'));
    t.deepEqual(byName(ours), byName(theirs), flags.join(' '));
  }
});

/** The order is umoci's of walking: not that of names. */
function byName(entries: ReturnType<typeof entriesOf>): unknown[] {
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

test('the platform is text or an object, in every operation', async (t) => {
  const { reference } = makeImage(t);
  const options = { image: reference, source: null, target: '/etc/old' };
  await t.throwsAsync(insertLayer({ ...options, platform: 'a/b/c/d' }), { code: 'PLATFORM_INVALID' });
  const native = { os: 'linux', architecture: 'amd64' };
  const [byText, byObject] = [
    await insertLayer({ ...options, platform: 'linux/x86_64', sourceDateEpoch: 0, tag: 'text' }),
    await insertLayer({ ...options, platform: native, sourceDateEpoch: 0, tag: 'object' }),
  ];
  t.is(byText.manifest.digest, byObject.manifest.digest);
});
