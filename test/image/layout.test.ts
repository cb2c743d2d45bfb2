import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { createLayout, openLayout } from '../../src/image/layout.js';
import { newImage } from '../../src/image/new.js';
import { listTags, removeTag, setTag } from '../../src/image/references.js';
import type { Descriptor } from '../../src/image/types.js';
import { buildImage, put, sha256 } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

const text = 'application/octet-stream';

test('a new layout is what the image-spec asks for', async (t) => {
  const path = join(tmpdir(t), 'a/b/layout');
  createLayout(path);
  t.is(readFileSync(join(path, 'oci-layout'), 'utf8'), '{"imageLayoutVersion":"1.0.0"}\n');
  t.is(
    readFileSync(join(path, 'index.json'), 'utf8'),
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}\n',
  );
  t.true(statSync(join(path, 'blobs/sha256')).isDirectory());
  t.deepEqual(listTags(openLayout(path)), []);
});

test('a change of index.json keeps its mode', async (t) => {
  const { path } = createLayout(join(tmpdir(t), 'layout'));
  const index = join(path, 'index.json');
  for (const mode of [0o600, 0o664]) {
    chmodSync(index, mode);
    const layout = openLayout(path);
    await layout.updateIndex((before) => ({ ...before, annotations: { mode: `${mode}` } }));
    await layout.close();
    t.is(statSync(index).mode & 0o7777, mode);
  }
});

test('a layout is not made over anything', (t) => {
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'file'), '');
  t.throws(() => createLayout(dir), { code: 'LAYOUT_EXISTS' });
  t.throws(() => createLayout(join(dir, 'file')), { code: 'LAYOUT_EXISTS' });
  t.throws(() => createLayout(join(dir, 'file/x')), { code: 'DIRECTORY_INVALID' });
});

test('a directory that is not a layout is refused', (t) => {
  const dir = tmpdir(t);
  t.throws(() => openLayout(join(dir, 'none')), { code: 'LAYOUT_NOT_FOUND' });
  t.throws(() => openLayout(dir), { code: 'LAYOUT_INVALID', message: /no file oci-layout/ });
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
  t.throws(() => openLayout(dir), { code: 'LAYOUT_INVALID', message: /imageLayoutVersion is "2.0.0"/ });
  t.throws(() => openLayout(join(dir, 'oci-layout')), { code: 'LAYOUT_INVALID', message: /not a directory/ });
  writeFileSync(join(dir, 'oci-layout'), 'null');
  t.throws(() => openLayout(dir), { code: 'LAYOUT_INVALID' });
  writeFileSync(join(dir, 'oci-layout'), '{');
  t.throws(() => openLayout(dir), { code: 'LAYOUT_INVALID', message: /not JSON/ });
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  t.throws(() => openLayout(dir), { code: 'LAYOUT_INVALID', message: /no directory blobs/ });
  mkdirSync(join(dir, 'blobs'));
  t.throws(() => openLayout(dir), { code: 'LAYOUT_INVALID', message: /no file index.json/ });
});

test('a corrupt index.json is refused, and never overwritten', async (t) => {
  const { layout: path } = buildImage(t, []);
  const layout = openLayout(path);
  const index = join(path, 'index.json');
  const manifest = layout.readIndex().manifests[0]!;
  const withManifests = (...manifests: unknown[]) => JSON.stringify({ schemaVersion: 2, manifests });
  for (const [content, code] of [
    ['', 'IMAGE_INVALID'],
    ['{"schemaVersion":2', 'IMAGE_INVALID'],
    ['[]', 'IMAGE_INVALID'],
    ['{"schemaVersion":1,"manifests":[]}', 'IMAGE_INVALID'],
    ['{"schemaVersion":2,"manifests":{}}', 'IMAGE_INVALID'],
    ['{"schemaVersion":2,"manifests":[],"layers":[]}', 'IMAGE_INVALID'],
    ['{"schemaVersion":2,"manifests":[],"Manifests":[]}', 'IMAGE_INVALID'],
    [
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}',
      'IMAGE_INVALID',
    ],
    [withManifests({ ...manifest, size: -1 }), 'IMAGE_INVALID'],
    [withManifests({ ...manifest, size: 1.5 }), 'IMAGE_INVALID'],
    [withManifests({ ...manifest, size: '5' }), 'IMAGE_INVALID'],
    [withManifests({ ...manifest, size: 0 }).replace('"size":0', '"size":9007199254740993'), 'IMAGE_INVALID'],
    [withManifests({ ...manifest, digest: 'sha256:abc' }), 'DIGEST_INVALID'],
    [withManifests({ ...manifest, digest: `sha256:../../${'0'.repeat(58)}` }), 'DIGEST_INVALID'],
    [withManifests({ ...manifest, annotations: { a: 1 } }), 'IMAGE_INVALID'],
    [withManifests(null), 'IMAGE_INVALID'],
  ] as const) {
    writeFileSync(index, content);
    t.throws(() => layout.readIndex(), { code }, content);
    await t.throwsAsync(removeTag(layout, 'latest'), { code }, content);
    t.is(readFileSync(index, 'utf8'), content);
  }
  rmSync(index);
  t.throws(() => layout.readIndex(), { code: 'LAYOUT_INVALID' });
  mkdirSync(index);
  t.throws(() => layout.readIndex(), { code: 'LAYOUT_INVALID' });
  await layout.close();
});

test('a huge index.json is refused unread', (t) => {
  const { layout } = buildImage(t, []);
  execFileSync('truncate', ['-s', '1T', join(layout, 'index.json')]);
  t.throws(() => openLayout(layout).readIndex(), { code: 'LIMIT_EXCEEDED' });
});

test('unknown fields of index.json survive a change, in order', async (t) => {
  const { layout: path } = buildImage(t, []);
  const layout = openLayout(path);
  const before = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","x-first":{"b":1,"a":2},"manifests":[],"x-last":[9007199254740993,1.0]}\n`;
  writeFileSync(join(path, 'index.json'), before);
  await setTag(layout, 'a', { mediaType: text, digest: sha256(Buffer.of()), size: 0 });
  t.deepEqual(listTags(layout), ['a']);
  await removeTag(layout, 'a');
  t.is(readFileSync(join(path, 'index.json'), 'utf8'), before);
  await layout.close();
  t.deepEqual(readdirSync(path).sort(), ['blobs', 'index.json', 'oci-layout']);
});

test('a blob comes back as it was written, of either algorithm, whole or as a stream', async (t) => {
  const layout = createLayout(join(tmpdir(t), 'layout'));
  const content = Buffer.alloc(3_000_000, 'layerhook');
  const small = await layout.writeBlob(Buffer.from('small'), { algorithm: 'sha512' });
  const large = await layout.writeBlob(Readable.from([content.subarray(0, 1000), content.subarray(1000)]));
  const empty = await layout.writeBlob(Buffer.of());
  t.true(small.digest.startsWith('sha512:'));
  t.is(large.digest, sha256(content));
  t.is(large.size, content.length);
  t.is(layout.readBlob({ mediaType: text, ...small }).toString(), 'small');
  t.is(layout.readBlob({ mediaType: text, ...empty }).length, 0);
  t.is(sha256(await buffer(layout.openBlob({ mediaType: text, ...large }))), large.digest);
  t.is((await buffer(layout.openBlob({ mediaType: text, ...empty }))).length, 0);
  t.deepEqual(
    layout
      .blobs()
      .map(({ digest }) => digest)
      .sort(),
    [small.digest, large.digest, empty.digest].sort(),
  );
  t.true(layout.hasBlob(small.digest));
  t.false(layout.hasBlob(sha256(Buffer.from('none'))));
  await layout.close();
  t.deepEqual(readdirSync(layout.path).sort(), ['blobs', 'index.json', 'oci-layout']);
});

test('a stream that fails leaves no blob and no file', async (t) => {
  const layout = createLayout(join(tmpdir(t), 'layout'));
  async function* failing() {
    yield Buffer.from('half');
    throw new Error('the source failed');
  }
  await t.throwsAsync(layout.writeBlob(failing()), { message: 'the source failed' });
  t.deepEqual(layout.blobs(), []);
  const [session] = readdirSync(layout.path).filter((name) => name.startsWith('.umoci-'));
  t.deepEqual(readdirSync(join(layout.path, session!)), []);
  await layout.close();
});

test('writing a blob again heals a corrupt one', async (t) => {
  const layout = createLayout(join(tmpdir(t), 'layout'));
  const blob = await layout.writeBlob(Buffer.from('content'));
  writeFileSync(layout.blobPlace(blob.digest).path, 'CONTENT');
  t.throws(() => layout.readBlob({ mediaType: text, ...blob }), { code: 'BLOB_DIGEST' });
  await layout.writeBlob(Buffer.from('content'));
  t.is(layout.readBlob({ mediaType: text, ...blob }).toString(), 'content');
  await layout.close();
});

test('a blob is verified, and not read beyond its size', async (t) => {
  const layout = createLayout(join(tmpdir(t), 'layout'));
  const good: Descriptor = { mediaType: text, ...(await layout.writeBlob(Buffer.from('content'))) };
  const path = layout.blobPlace(good.digest).path;
  const read = (descriptor: Descriptor) => layout.readBlob(descriptor);
  const stream = async (descriptor: Descriptor) => buffer(layout.openBlob(descriptor));
  const fails = async (descriptor: Descriptor, code: string) => {
    t.throws(() => read(descriptor), { code });
    await t.throwsAsync(async () => stream(descriptor), { code });
  };

  await fails({ ...good, size: good.size + 1 }, 'BLOB_SIZE');
  await fails({ ...good, size: good.size - 1 }, 'BLOB_SIZE');
  await fails({ ...good, digest: sha256(Buffer.from('other')) }, 'BLOB_NOT_FOUND');
  await fails({ ...good, digest: 'md5:9a0364b9e99bb480dd25e1f0284c8555' }, 'DIGEST_INVALID');
  t.throws(() => layout.readBlob(good, { maxBytes: 3 }), { code: 'LIMIT_EXCEEDED' });
  writeFileSync(path, 'CONTENT');
  await fails(good, 'BLOB_DIGEST');
  appendFileSync(path, 'more');
  await fails(good, 'BLOB_SIZE');
  rmSync(path);
  execFileSync('mkfifo', [path]);
  await fails(good, 'LAYOUT_INVALID');
  rmSync(path);
  mkdirSync(path);
  await fails(good, 'LAYOUT_INVALID');
  await layout.close();
});

test('embedded data stands for the blob, and is verified as one', async (t) => {
  const layout = createLayout(join(tmpdir(t), 'layout'));
  const content = Buffer.from('embedded');
  const good = { mediaType: text, digest: sha256(content), size: 8, data: content.toString('base64') };
  t.is(layout.readBlob(good).toString(), 'embedded');
  t.is((await buffer(layout.openBlob(good))).toString(), 'embedded');
  t.throws(() => layout.readBlob({ ...good, size: 7 }), { code: 'BLOB_SIZE' });
  t.throws(() => layout.readBlob({ ...good, digest: sha256(Buffer.from('x')) }), { code: 'BLOB_DIGEST' });
  await t.throwsAsync(buffer(layout.openBlob({ ...good, digest: sha256(Buffer.from('x')) })), {
    code: 'BLOB_DIGEST',
  });
});

rootTest('files that root writes belong to the owner of the layout', async (t) => {
  const layout = createLayout(join(tmpdir(t), 'layout'));
  execFileSync('chown', ['-R', '1234:5678', layout.path]);
  const { digest } = await layout.writeBlob(Buffer.from('x'), { algorithm: 'sha512' });
  await newImage(layout, 'a', new Date(0));
  await layout.close();
  for (const path of [
    layout.blobPlace(digest).path,
    join(layout.path, 'blobs/sha512'),
    join(layout.path, 'index.json'),
  ]) {
    const { uid, gid } = statSync(path);
    t.deepEqual([uid, gid], [1234, 5678], path);
  }
});

test('a full disk is NO_SPACE, and index.json stays unchanged', async (t) => {
  if (!requires(t, 'root', 'mount')) return;
  const dir = tmpdir(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir]);
  t.teardown(() => execFileSync('umount', ['-l', dir]));
  const layout = createLayout(join(dir, 'layout'));
  await newImage(layout, 'a', new Date(0));
  const before = readFileSync(join(layout.path, 'index.json'));
  await t.throwsAsync(layout.writeBlob(Buffer.alloc(100_000)), { code: 'NO_SPACE' });
  t.deepEqual(readFileSync(join(layout.path, 'index.json')), before);
  await layout.close();
});

test('a layout is read through symlinks, and without the right to write', (t) => {
  const { layout } = buildImage(t, []);
  const link = join(tmpdir(t), 'link');
  symlinkSync(layout, link);
  chmodSync(layout, 0o555);
  t.deepEqual(listTags(openLayout(link)), ['latest']);
  t.true(existsSync(join(link, 'index.json')));
});

test('files other than blobs are not listed', (t) => {
  const { layout } = buildImage(t, []);
  const before = openLayout(layout).blobs().length;
  writeFileSync(join(layout, 'blobs/sha256/README'), '');
  writeFileSync(join(layout, 'blobs/sha256/ABCDEF'), '');
  put(layout, Buffer.from('one more'), text);
  t.is(openLayout(layout).blobs().length, before + 1);
});
