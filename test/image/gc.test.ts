import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { collectGarbage } from '../../src/image/gc.js';
import { openLayout } from '../../src/image/layout.js';
import { newImage } from '../../src/image/new.js';
import { removeTag, setTag } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { sweep } from '../../src/image/sweep.js';
import type { Descriptor } from '../../src/image/types.js';
import { buildImage, put, sha256, writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const json = (document: unknown): Buffer => Buffer.from(JSON.stringify(document));

test('a layout without garbage keeps everything', async (t) => {
  const { layout: path } = buildImage(t, [[{ name: 'a' }], [{ name: 'b' }]]);
  const layout = openLayout(path);
  const before = layout.blobs();
  t.deepEqual(await collectGarbage(layout), { removed: [], bytes: 0, spared: [] });
  t.deepEqual(layout.blobs(), before);
});

test('unreachable blobs of every algorithm are removed; shared blobs stay', async (t) => {
  const { layout: path } = buildImage(t, [[{ name: 'shared' }], [{ name: 'a' }]], { tag: 'a' });
  writeImage(path, [[{ name: 'shared' }], [{ name: 'b' }]], { tag: 'b' });
  const layout = openLayout(path);
  const b = resolveReference(layout, 'b');
  await layout.writeBlob(Buffer.from('garbage'), { algorithm: 'sha512' });
  await removeTag(layout, 'b');
  await layout.close();
  const { removed, bytes } = await collectGarbage(layout);
  t.is(removed.length, 4);
  t.is(bytes, 7 + b.manifestDescriptor.size + b.configDescriptor.size + b.manifest.layers[1]!.size);
  t.notThrows(() => resolveReference(layout, 'a'));
  t.true(layout.hasBlob(b.manifest.layers[0]!.digest));
  t.is(layout.blobs().length, 4);
});

test('nested indexes, subjects and blobs of unknown types are kept, also without a tag', async (t) => {
  const { layout: path } = buildImage(t, []);
  const leaf = put(path, Buffer.from('{"layers":[]}'), 'application/x-unknown');
  const subject = put(path, json({ schemaVersion: 2, config: leaf, layers: [] }), MANIFEST);
  const missing = { mediaType: MANIFEST, digest: sha256(Buffer.from('missing')), size: 7 };
  const artifact = put(path, json({ schemaVersion: 2, config: leaf, layers: [leaf], subject }), MANIFEST);
  const other = put(path, json({ schemaVersion: 2, config: leaf, layers: [], subject: missing }), MANIFEST);
  const inner = put(path, json({ schemaVersion: 2, manifests: [artifact, other] }), INDEX);
  const outer = put(path, json({ schemaVersion: 2, manifests: [inner] }), INDEX);
  const layout = openLayout(path);
  await layout.updateIndex((index) => ({ ...index, manifests: [...index.manifests, outer] }));
  await layout.close();
  t.deepEqual((await collectGarbage(layout)).removed, []);
  for (const { digest } of [leaf, subject, artifact, other, inner, outer]) t.true(layout.hasBlob(digest));
});

test('nothing is removed if a manifest is missing or corrupt', async (t) => {
  const { layout: path, blob } = buildImage(t, []);
  const layout = openLayout(path);
  const garbage = put(path, Buffer.from('garbage'), 'x/y');
  const { manifestDescriptor, configDescriptor } = resolveReference(layout, 'latest');
  const file = blob(manifestDescriptor.digest);
  const content = readFileSync(file, 'utf8');
  writeFileSync(file, content.replace('sha256', 'SHA256'));
  await t.throwsAsync(collectGarbage(layout), { code: 'BLOB_DIGEST' });
  rmSync(file);
  await t.throwsAsync(collectGarbage(layout), { code: 'BLOB_NOT_FOUND' });
  t.true(layout.hasBlob(garbage.digest));
  t.true(layout.hasBlob(configDescriptor.digest));
});

test('layers are not read', async (t) => {
  const { layout: path, manifest, blob } = buildImage(t, [[{ name: 'a' }]]);
  const layer = blob(manifest.layers[0]!.digest);
  writeFileSync(layer, 'corrupt');
  writeFileSync(blob(manifest.config.digest), 'corrupt');
  t.deepEqual((await collectGarbage(openLayout(path))).removed, []);
  t.true(existsSync(layer));
});

test('blobs of a writer at work are spared until it ends', async (t) => {
  const { layout: path } = buildImage(t, []);
  const old = put(path, Buffer.from('old garbage'), 'x/y');
  const writer = openLayout(path);
  const collector = openLayout(path);
  const fresh = await writer.writeBlob(Buffer.from('not yet tagged'));
  const first = await collectGarbage(collector);
  t.deepEqual(first.spared, [fresh.digest]);
  t.deepEqual(first.removed, [old.digest]);
  await setTag(writer, 'new', { mediaType: 'text/plain', ...fresh });
  await writer.close();
  t.deepEqual(await collectGarbage(collector), { removed: [], bytes: 0, spared: [] });
  t.true(writer.hasBlob(fresh.digest));
});

test('a blob that was garbage before its writer wrote it again is spared', async (t) => {
  const { layout: path } = buildImage(t, []);
  put(path, Buffer.from('again'), 'x/y');
  const writer = openLayout(path);
  await writer.writeBlob(Buffer.from('something'));
  const again = await writer.writeBlob(Buffer.from('again'));
  await collectGarbage(openLayout(path));
  t.true(writer.hasBlob(again.digest));
  await writer.close();
});

test('the remains of killed writers are removed, other files stay', async (t) => {
  const { layout: path } = buildImage(t, []);
  mkdirSync(join(path, '.umoci-123/sub'), { recursive: true });
  writeFileSync(join(path, '.umoci-123/blob'), 'half');
  writeFileSync(join(path, '.hidden'), '');
  symlinkSync('/etc', join(path, '.umoci-link'));
  const before = readdirSync('/etc');
  await collectGarbage(openLayout(path));
  t.deepEqual(readdirSync(path).sort(), ['.hidden', '.umoci-link', 'blobs', 'index.json', 'oci-layout']);
  t.deepEqual(readdirSync('/etc'), before);
});

test('blobs that may be shared with other layouts are not collected', async (t) => {
  const { layout: path } = buildImage(t, []);
  const garbage = put(path, Buffer.from('garbage'), 'x/y');
  renameSync(join(path, 'blobs'), `${path}-blobs`);
  symlinkSync(`${path}-blobs`, join(path, 'blobs'));
  const layout = openLayout(path);
  await t.throwsAsync(collectGarbage(layout), { code: 'LAYOUT_INVALID', message: /symlink/ });
  t.true(layout.hasBlob(garbage.digest));
});

for (const name of ['blobs', 'blobs/sha256', 'blobs/sha512']) {
  test(`where ${name} is a symlink, nothing is written or removed, and reading goes on`, async (t) => {
    const { layout: path } = buildImage(t, [[{ name: 'a' }]]);
    mkdirSync(join(path, 'blobs/sha512'));
    put(path, Buffer.from('garbage'), 'x/y');
    const outside = `${path}-outside`;
    renameSync(join(path, name), outside);
    writeFileSync(join(outside, '0'.repeat(name === 'blobs/sha512' ? 128 : 64)), 'canary');
    symlinkSync(outside, join(path, name));
    const before = readdirSync(outside, { recursive: true });
    const index = readFileSync(join(path, 'index.json'));
    const layout = openLayout(path);
    const refused = { code: 'LAYOUT_INVALID', message: new RegExp(`its directory ${name} is a symlink`) };
    await t.throwsAsync(collectGarbage(layout), refused);
    await t.throwsAsync(layout.writeBlob(Buffer.from('new')), refused);
    await t.throwsAsync(removeTag(layout, 'latest'), refused);
    await layout.close();
    t.deepEqual(readdirSync(outside, { recursive: true }), before);
    t.deepEqual(readFileSync(join(path, 'index.json')), index);
    t.notThrows(() => resolveReference(layout, 'latest'));
  });
}

test('a symlink that takes the place of the blobs while gc runs is not followed', async (t) => {
  const { layout: path } = buildImage(t, []);
  const outside = `${path}-outside`;
  mkdirSync(outside);
  writeFileSync(join(outside, '0'.repeat(64)), 'canary');
  const swap = (name: string) => {
    renameSync(join(path, name), join(path, 'gone'));
    symlinkSync(outside, join(path, name));
    return new Set<string>();
  };
  t.throws(() => sweep(path, () => swap('blobs/sha256')), { code: 'LAYOUT_INVALID' });
  t.deepEqual(readdirSync(outside), ['0'.repeat(64)]);
});

test("umoci's gc leaves a writer of ours alone, and ours a writer of umoci's", async (t) => {
  if (!requires(t, 'umoci', 'flock')) return;
  const { layout: path } = buildImage(t, []);
  const writer = openLayout(path);
  await writer.writeBlob(Buffer.from('x'));
  const session = () => readdirSync(path).filter((name) => name.startsWith('.umoci-'));
  t.is(session().length, 1);
  t.is(spawnSync('umoci', ['gc', '--layout', path]).status, 0);
  t.is(session().length, 1);
  await writer.close();

  const theirs = join(path, '.umoci-theirs');
  mkdirSync(theirs);
  const holder = spawn('flock', ['-F', '-x', theirs, 'sh', '-c', 'echo locked; exec sleep 60']);
  t.teardown(() => holder.kill());
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const fresh = put(path, Buffer.from('theirs'), 'x/y');
  t.deepEqual((await collectGarbage(openLayout(path))).spared, [fresh.digest]);
  t.true(existsSync(theirs));
});

test('umoci collects the same', async (t) => {
  if (!requires(t, 'umoci')) return;
  const path = await withGarbage(t);
  const copy = `${path}-copy`;
  execFileSync('cp', ['-a', path, copy]);
  execFileSync('umoci', ['gc', '--layout', copy]);
  await collectGarbage(openLayout(path));
  t.deepEqual(
    openLayout(path)
      .blobs()
      .map(({ digest }) => digest)
      .sort(),
    openLayout(copy)
      .blobs()
      .map(({ digest }) => digest)
      .sort(),
  );
  t.is(readFileSync(join(path, 'index.json'), 'utf8'), readFileSync(join(copy, 'index.json'), 'utf8'));
});

async function withGarbage(t: ExecutionContext): Promise<string> {
  const { layout: path } = buildImage(t, [[{ name: 'a' }]], { tag: 'a' });
  writeImage(path, [[{ name: 'b' }]], { tag: 'b' });
  const layout = openLayout(path);
  const index = layout
    .readIndex()
    .manifests.map(({ annotations: _, ...descriptor }): Descriptor => descriptor as Descriptor);
  await setTag(layout, 'index', put(path, json({ schemaVersion: 2, manifests: index }), INDEX));
  await newImage(layout, 'gone', new Date(0));
  await removeTag(layout, 'gone');
  await removeTag(layout, 'b');
  await layout.close();
  return path;
}
