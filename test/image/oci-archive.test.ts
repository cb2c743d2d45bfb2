import {
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { unpack } from '../../src/engine/unpack/unpack.js';
import { copyTag } from '../../src/image/find-image.js';
import { collectGarbage } from '../../src/image/gc.js';
import { createLayout, openLayout } from '../../src/image/layout.js';
import { newImage } from '../../src/image/new.js';
import { listTags, removeTag } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { sha256 } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import type { RawEntry } from '../helpers/tar.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { archived, imageIn, membersOf, writeTar } from './tars.js';

test('a layout in a tar is read like the directory', async (t) => {
  const { layout: path, file, manifest } = archived(t);
  const layout = openLayout(`oci-archive:${file}`);
  t.deepEqual(listTags(layout), ['v1']);
  t.deepEqual(imageIn(layout.path, 'v1'), imageIn(path, 'v1'));
  const [layer] = manifest.layers;
  t.is(sha256(await buffer(layout.openBlob(layer!))), layer!.digest);
  t.is(layout.blobs().length, 4);
  t.throws(() => layout.readBlob({ ...layer!, digest: sha256(Buffer.from('x')) }), {
    code: 'BLOB_NOT_FOUND',
  });
});

test('in a tar with one image, this image needs no tag', (t) => {
  const { file, layout } = archived(t);
  t.is(resolveReference(openLayout(`oci-archive:${file}`), 'latest').manifest.layers.length, 2);
  t.throws(() => resolveReference(openLayout(layout), 'latest'), { code: 'REFERENCE_NOT_FOUND' });
});

rootTest('a layer is unpacked at its offset in the tar', async (t) => {
  const { file } = archived(t);
  const bundle = join(tmpdir(t), 'bundle');
  await unpack({ image: `oci-archive:${file}:v1`, bundle });
  t.is(readFileSync(join(bundle, 'rootfs/b'), 'utf8'), 'b'.repeat(70_000));
});

test('a change makes a complete new tar, with the mode and the symlink of the old one', async (t) => {
  const { file } = archived(t);
  chmodSync(file, 0o640);
  const link = join(tmpdir(t), 'link.tar');
  symlinkSync(file, link);
  const layout = openLayout(`oci-archive:${link}`);
  const before = statSync(file).ino;
  await newImage(layout, 'v2', new Date(0));
  await layout.close();
  t.deepEqual(listTags(openLayout(`oci-archive:${file}`)), ['v1', 'v2']);
  t.not(statSync(file).ino, before, 'replaced by rename');
  t.is(statSync(file).mode & 0o777, 0o640);
  t.deepEqual(readdirSync(dirname(file)), ['image.tar'], 'no temporary file is left');
  t.is(resolveReference(layout, 'v1').manifest.layers.length, 2);
});

test('writers in several processes or layouts lose no change of each other', async (t) => {
  const { file } = archived(t);
  const tags = ['a', 'b', 'c', 'd'];
  await Promise.all(
    tags.map(async (tag) => {
      const layout = openLayout(`oci-archive:${file}`);
      await copyTag(layout, 'v1', tag);
      await layout.close();
    }),
  );
  t.deepEqual(listTags(openLayout(`oci-archive:${file}`)).sort(), [...tags, 'v1'].sort());
});

test('a new tar appears with its first index; nothing replaces an existing file', async (t) => {
  const file = join(tmpdir(t), 'deep/new.tar');
  const layout = createLayout(`oci-archive:${file}`);
  await layout.writeBlob(Buffer.from('unused'));
  t.false(existsSync(file));
  await newImage(layout, 'a', new Date(0));
  await layout.close();
  t.deepEqual(readdirSync(dirname(file)), ['new.tar']);
  t.deepEqual(listTags(openLayout(`oci-archive:${file}`)), ['a']);
  t.throws(() => createLayout(`oci-archive:${file}`), { code: 'LAYOUT_EXISTS' });
});

test('gc writes the tar without the blobs that no tag leads to', async (t) => {
  const { file } = archived(t);
  const layout = openLayout(`oci-archive:${file}`);
  await newImage(layout, 'v2', new Date(0));
  await removeTag(layout, 'v1');
  const { removed } = await collectGarbage(layout);
  t.is(removed.length, 4);
  await layout.close();
  t.is(openLayout(`oci-archive:${file}`).blobs().length, 2);
  t.deepEqual((await collectGarbage(openLayout(`oci-archive:${file}`))).removed, []);
});

test('a blob that is corrupt in the tar is refused, and may be repaired', async (t) => {
  const { layout: path, manifest } = archived(t);
  const [layer] = manifest.layers;
  const name = `blobs/${layer!.digest.replace(':', '/')}`;
  const good = readFileSync(join(path, name));
  writeFileSync(join(path, name), Buffer.alloc(good.length));
  const file = writeTar(t, membersOf(path));
  const layout = openLayout(`oci-archive:${file}`);
  await t.throwsAsync(buffer(layout.openBlob(layer!)), { code: 'BLOB_DIGEST' });
  await layout.writeBlob(good);
  await copyTag(layout, 'v1', 'repaired');
  await layout.close();
  t.is(sha256(await buffer(openLayout(`oci-archive:${file}`).openBlob(layer!))), layer!.digest);
});

const version: RawEntry = { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' };
const index: RawEntry = { name: 'index.json', content: '{"schemaVersion":2,"manifests":[]}' };
const big = tar([version, index, { name: 'blobs/sha256/x', content: Buffer.alloc(5000) }]);

const hostile: [title: string, tar: RawEntry[] | Buffer, message: RegExp][] = [
  ['no tar', Buffer.from('hello'.repeat(500)), /malformed at byte 0/],
  ['an empty file', Buffer.alloc(0), /no file oci-layout/],
  ['a compressed tar', gzipSync(tar([version, index])), /compressed with gzip; decompress it first/],
  [
    'a tar that is cut off',
    big.subarray(0, big.length - 4000),
    /malformed at byte 2048: the tar ends inside/,
  ],
  [
    'a size that leads out of the file',
    [version, index, { name: 'x', content: '', size: 2 ** 32 }],
    /the tar ends inside an entry/,
  ],
  ['no version', [index], /no file oci-layout/],
  ['another version', [{ ...version, content: '{"imageLayoutVersion":"2.0.0"}' }, index], /is "2.0.0"/],
  ['two versions', [version, index, version], /several files oci-layout/],
  [
    'a version that is a symlink',
    [{ name: 'oci-layout', type: 'symlink', linkname: '/etc/passwd' }, index],
    /is a link/,
  ],
  [
    'a version that is a hardlink',
    [
      { name: 'a', content: '{}' },
      { name: 'oci-layout', type: 'hardlink', linkname: 'a' },
    ],
    /is a link/,
  ],
];

for (const [title, entries, message] of hostile)
  test(`refused: ${title}`, (t) => {
    const file = writeTar(t, entries);
    t.throws(() => openLayout(`oci-archive:${file}`), { code: 'LAYOUT_INVALID', message });
  });

test('an index that is there twice is refused: readers of the tar would see different images', (t) => {
  const layout = openLayout(
    `oci-archive:${writeTar(t, [version, index, { ...index, name: './index.json' }])}`,
  );
  t.throws(() => layout.readIndex(), { code: 'LAYOUT_INVALID', message: /several files index.json/ });
});

test('a blob that is a link, or has a name with .., is missing', (t) => {
  const content = 'secret';
  const digest = sha256(Buffer.from(content));
  const name = `blobs/${digest.replace(':', '/')}`;
  const outside = join(tmpdir(t), 'outside');
  writeFileSync(outside, content);
  const members: RawEntry[][] = [
    [{ name, type: 'symlink', linkname: outside }],
    [
      { name: 'secret', content },
      { name, type: 'hardlink', linkname: 'secret' },
    ],
    [{ name: `x/../${name}`, content }],
  ];
  for (const entries of members) {
    const layout = openLayout(`oci-archive:${writeTar(t, [version, index, ...entries])}`);
    t.false(layout.hasBlob(digest));
    const descriptor = { mediaType: 'text/plain', digest, size: content.length };
    t.throws(() => layout.readBlob(descriptor), { code: 'BLOB_NOT_FOUND' });
  }
});

test('a tar that another process replaces is never read as something else', async (t) => {
  const { file, manifest } = archived(t);
  const layout = openLayout(`oci-archive:${file}`);
  t.is(layout.blobs().length, 4);
  writeFileSync(file, tar([version, index, { name: 'x', content: Buffer.alloc(200_000) }]));
  await t.throwsAsync(buffer(layout.openBlob(manifest.layers[1]!)), { code: 'BLOB_DIGEST' });
});

test('a directory, a FIFO or nothing in the place of the tar is a clear error', (t) => {
  const dir = tmpdir(t);
  t.throws(() => openLayout(`oci-archive:${dir}`), { code: 'LAYOUT_INVALID', message: /not a regular file/ });
  t.throws(() => openLayout(`oci-archive:${dir}/none`), { code: 'LAYOUT_NOT_FOUND' });
});

test('leftovers of a killed writer are removed by the next one, and other files stay', async (t) => {
  const { file } = archived(t);
  const layout = openLayout(`oci-archive:${file}`);
  await layout.writeBlob(Buffer.from('x'));
  const [left] = readdirSync(dirname(file)).filter((name) => name.endsWith('.tmp'));
  await layout.close();
  writeFileSync(join(dirname(file), left!), 'a killed process left this');
  writeFileSync(join(dirname(file), 'other.tmp'), '');
  linkSync(file, join(dirname(file), 'link'));
  const next = openLayout(`oci-archive:${file}`);
  await newImage(next, 'v2', new Date(0));
  await next.close();
  t.deepEqual(readdirSync(dirname(file)).sort(), ['image.tar', 'link', 'other.tmp']);
});
