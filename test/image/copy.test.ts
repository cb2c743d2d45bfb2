import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { copyImage } from '../../src/engine/image/copy.js';
import { addImagesToIndex } from '../../src/engine/image/edit-index.js';
import { collectGarbage } from '../../src/image/gc.js';
import { openLayout } from '../../src/image/layout.js';
import { parsePlatform } from '../../src/image/platform.js';
import { listTags } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { statImage } from '../../src/image/stat.js';
import { btrfs } from '../drivers/btrfs/loop.js';
import { mainFile } from '../helpers/cli.js';
import { buildImage, put, writeImage } from '../helpers/image.js';
import fc from '../helpers/properties.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { addReferrer, blobsOf, call, refName } from './tars.js';

/** A layout with an index `multi` of two images and an attestation, and two referrers. */
async function multi(t: ExecutionContext) {
  const { layout } = buildImage(t, [[{ name: 'f', content: 'amd64' }]], { tag: 'amd64' });
  writeImage(layout, [[{ name: 'f', content: 'arm64' }]], {
    tag: 'arm64',
    edit: { config: (config) => void Object.assign(config, parsePlatform('linux/arm64')) },
  });
  await addImagesToIndex({ image: `${layout}:multi`, images: [`${layout}:amd64`, `${layout}:arm64`] });
  const signature = addReferrer(
    layout,
    resolveReference(openLayout(layout), 'amd64').manifestDescriptor,
    'signed',
  );
  const descriptor = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests.at(-1);
  const nested = addReferrer(layout, descriptor, 'signed again');
  return { layout, signature, nested };
}

test('an index is copied whole, with the referrers of its images and their referrers', async (t) => {
  const { layout, signature, nested } = await multi(t);
  writeImage(layout, [[{ name: 'x' }]], { tag: 'unrelated' });
  const target = join(tmpdir(t), 'target');
  const { copied } = await copyImage({ source: `${layout}:multi`, target });
  const copy = openLayout(target);
  t.deepEqual(listTags(copy), ['multi']);
  t.is(copied, Object.keys(blobsOf(target)).length);
  t.like(blobsOf(layout), blobsOf(target), 'byte for byte');
  t.is(resolveReference(copy, 'multi', { platform: parsePlatform('linux/arm64') }).path.length, 2);
  t.deepEqual(
    copy
      .readIndex()
      .manifests.slice(1)
      .map(({ digest }) => digest)
      .sort(),
    [signature, nested].sort() as never,
  );
  const stat = statImage(copy, 'multi', { platform: parsePlatform('linux/amd64') });
  t.deepEqual(
    stat.referrers.map(({ digest, artifactType }) => [digest as string, artifactType]),
    [[signature, 'application/vnd.example.signature']],
  );
  t.deepEqual((await collectGarbage(copy)).removed, [], 'gc keeps referrers');
});

test('only missing blobs are copied, also if they are corrupt by their size', async (t) => {
  const { layout } = await multi(t);
  const target = join(tmpdir(t), 'target');
  await copyImage({ source: `${layout}:amd64`, target });
  const first = resolveReference(openLayout(target), 'amd64');
  const layer = join(target, 'blobs', first.manifest.layers[0]!.digest.replace(':', '/'));
  const manifest = join(target, 'blobs', first.manifestDescriptor.digest.replace(':', '/'));
  for (const file of [layer, manifest]) rmSync(file);
  writeFileSync(layer, 'short');
  writeFileSync(manifest, 'x'.repeat(first.manifestDescriptor.size));
  const { copied, present } = await copyImage({ source: `${layout}:amd64`, target: `${target}:again` });
  t.deepEqual([copied, present > 0], [2, true]);
  t.like(blobsOf(layout), blobsOf(target));
  t.deepEqual(listTags(openLayout(target)), ['amd64', 'again']);
  const index = readFileSync(join(target, 'index.json'));
  t.is((await copyImage({ source: `${layout}:amd64`, target: `${target}:again` })).copied, 0);
  t.deepEqual(readFileSync(join(target, 'index.json')), index, 'nothing to do');
});

test('--platform copies one image, --all-tags the whole layout, and the default tag is that of the source', async (t) => {
  const { layout } = await multi(t);
  const one = join(tmpdir(t), 'one');
  await copyImage({ source: `${layout}:multi`, target: one, platform: 'linux/arm64' });
  t.is(resolveReference(openLayout(one), 'multi').config.architecture, 'arm64');
  t.is(Object.keys(blobsOf(one)).length, 3);
  const all = `oci-archive:${join(tmpdir(t), 'all.tar')}`;
  await copyImage({ source: layout, target: all, allTags: true });
  t.deepEqual(openLayout(all).readIndex().manifests, openLayout(layout).readIndex().manifests);
  const back = join(tmpdir(t), 'back');
  await copyImage({ source: all, target: back, allTags: true });
  t.deepEqual(blobsOf(back), blobsOf(layout), 'there and back, byte for byte');
});

test('lists of referrers under a tag of the distribution-spec are merged', async (t) => {
  const { layout, manifest } = buildImage(t, [[{ name: 'f' }]], { tag: 'v1' });
  const descriptor = openLayout(layout).readIndex().manifests[0]!;
  const list = (path: string, content: string) => {
    const entry = put(
      path,
      Buffer.from(JSON.stringify({ ...manifest, annotations: { content } })),
      manifest.mediaType!,
    );
    const type = 'application/vnd.oci.image.index.v1+json';
    const index = put(path, Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [entry] })), type);
    const top = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8'));
    top.manifests.push({ ...index, annotations: { [refName]: descriptor.digest.replace(':', '-') } });
    writeFileSync(join(path, 'index.json'), JSON.stringify(top));
    return entry.digest;
  };
  const target = join(tmpdir(t), 'target');
  await copyImage({ source: `${layout}:v1`, target });
  const digests = [list(target, 'of the target'), list(layout, 'of the source')];
  await copyImage({ source: `${layout}:v1`, target });
  t.deepEqual(
    statImage(openLayout(target), 'v1').referrers.map(({ digest }) => digest),
    digests,
  );
});

test('a source that is missing or corrupt leaves nothing behind', async (t) => {
  const { layout, manifest, blob } = buildImage(t, [[{ name: 'f', content: 'x' }]]);
  const target = join(tmpdir(t), 'target');
  await t.throwsAsync(copyImage({ source: `${layout}:none`, target }), { code: 'REFERENCE_NOT_FOUND' });
  t.false(existsSync(target));
  const [layer] = manifest.layers;
  writeFileSync(blob(layer!.digest), Buffer.alloc(layer!.size));
  await t.throwsAsync(copyImage({ source: layout, target }), { code: 'BLOB_DIGEST' });
  t.false(existsSync(target));
  const file = join(tmpdir(t), 'target.tar');
  await t.throwsAsync(copyImage({ source: layout, target: `oci-archive:${file}` }), { code: 'BLOB_DIGEST' });
  t.false(existsSync(file));
  await t.throwsAsync(copyImage({ source: layout, target: `docker-archive:${file}` }), {
    code: 'LAYOUT_UNWRITABLE',
  });
});

/** True if the layer of the copy is the same file as that of the source. */
async function isShared(
  t: ExecutionContext,
  change: (blob: string, target: string) => void,
): Promise<boolean> {
  const { layout, manifest, blob } = buildImage(t, [[{ name: 'f', content: 'x' }]]);
  const file = blob(manifest.layers[0]!.digest);
  const target = join(tmpdir(t), 'target');
  await copyImage({ source: `${buildImage(t, []).layout}`, target: `${target}:first` });
  change(file, target);
  await copyImage({ source: layout, target });
  const copy = statSync(join(target, 'blobs', manifest.layers[0]!.digest.replace(':', '/')));
  t.is(copy.uid, statSync(target).uid);
  t.is(copy.mode & 0o7777, 0o644 & ~process.umask());
  return copy.ino === statSync(file).ino;
}

rootTest(
  'a blob is hardlinked only if no other user can change it, and if it has the right owner and mode',
  async (t) => {
    t.true(await isShared(t, () => {}));
    t.false(await isShared(t, (file) => chownSync(file, 1000, 1000)), "another user's file");
    t.false(await isShared(t, (file) => chmodSync(file, 0o664)), 'writable by a group');
    t.false(await isShared(t, (file) => chmodSync(file, 0o600)));
    t.false(await isShared(t, (file) => chmodSync(file, 0o4644)), 'setuid');
    t.false(await isShared(t, (_, target) => chownSync(target, 1000, 1000)), "another user's layout");
    t.true(await isShared(t, (file) => linkSync(file, `${file}.other`)), 'a second name changes nothing');
  },
);

test('on a file system with reflinks the copy is another file with the same blocks', async (t) => {
  const mounted = btrfs(t);
  if (mounted === null) return;
  const { layout, manifest } = writeImage(join(mounted, 'source'), [
    [{ name: 'f', content: randomBytes(500_000) }],
  ]);
  const name = join('blobs', manifest.layers[0]!.digest.replace(':', '/'));
  chmodSync(join(layout, name), 0o600);
  chownSync(join(layout, name), 1000, 1000);
  const target = join(mounted, 'target');
  await copyImage({ source: layout, target });
  const [before, after] = [layout, target].map((path) => statSync(join(path, name)));
  t.not(after!.ino, before!.ino);
  t.deepEqual([after!.uid, after!.mode & 0o7777], [process.geteuid!(), 0o644 & ~process.umask()]);
  const shared = (path: string) =>
    / shared/.test(call('filefrag', '-v', join(path, name)).replace(/,/g, ' '));
  t.true(shared(layout) && shared(target));
  t.like(blobsOf(layout), blobsOf(target));
});

test('a copy that is killed at any time leaves a right layout, and continues', async (t) => {
  const layers = Array.from({ length: 12 }, (_, at) => [
    { name: 'f', content: Buffer.alloc(200_000, String.fromCharCode(97 + at)) },
  ]);
  const { layout } = buildImage(t, layers, { tag: 'v1', compression: 'none' });
  for (const form of ['', 'oci-archive:']) {
    const target = join(tmpdir(t), 'target');
    for (const delay of [150, 250, 350, 450]) {
      const child = spawn(process.execPath, [mainFile, 'copy', `${layout}:v1`, `${form}${target}:v1`], {
        stdio: 'ignore',
      });
      const closed = once(child, 'close');
      await sleep(delay);
      child.kill('SIGKILL');
      await closed;
      if (!existsSync(form === '' ? join(target, 'oci-layout') : target)) continue;
      const copy = openLayout(form + target);
      if (listTags(copy).length > 0) t.is(resolveReference(copy, 'v1').manifest.layers.length, 12);
    }
    await copyImage({ source: `${layout}:v1`, target: `${form}${target}:v1` });
    const back = join(tmpdir(t), 'back');
    await copyImage({ source: `${form}${target}:v1`, target: back });
    t.deepEqual(blobsOf(back), blobsOf(layout));
    await collectGarbage(openLayout(form + target));
    const names = readdirSync(form === '' ? target : join(target, '..'));
    t.deepEqual(
      names.filter((name) => name.startsWith('.')),
      [],
      'no leftovers after the next writer and gc',
    );
  }
});

test('property: a copy of any layers to a directory and a tar keeps every byte', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 4 }),
      fc.boolean(),
      async (contents, isPlain) => {
        const layers = contents.map((content) => [{ name: 'f', content }]);
        const { layout } = buildImage(t, layers, { compression: isPlain ? 'none' : 'gzip' });
        const [tar, back] = [join(tmpdir(t), 'x.tar'), join(tmpdir(t), 'back')];
        await copyImage({ source: layout, target: `oci-archive:${tar}` });
        await copyImage({ source: `oci-archive:${tar}`, target: back });
        t.deepEqual(blobsOf(back), blobsOf(layout));
      },
    ),
    { numRuns: 15 },
  );
});
