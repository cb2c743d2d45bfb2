import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { configureImage } from '../../src/engine/image/configure.js';
import { addImagesToIndex, removeImagesFromIndex } from '../../src/engine/image/edit-index.js';
import { repack } from '../../src/engine/repack/repack.js';
import { unpack } from '../../src/engine/unpack/unpack.js';
import { listIndex } from '../../src/image/index-edit.js';
import { openLayout } from '../../src/image/layout.js';
import { parsePlatform, showPlatform } from '../../src/image/platform.js';
import { resolveReference } from '../../src/image/resolve.js';
import type { Descriptor } from '../../src/image/types.js';
import { buildImage, put, writeImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { refName } from './tars.js';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** A layout with an image for each architecture, under its name. */
function images(t: ExecutionContext, ...architectures: string[]): string {
  const { layout } = buildImage(t, [], { tag: 'empty' });
  for (const architecture of architectures) addImage(layout, architecture);
  return layout;
}

function addImage(layout: string, architecture: string, content = architecture): void {
  const edit = { config: (config: object) => void Object.assign(config, parsePlatform(architecture)) };
  writeImage(layout, [[{ name: 'f', content }]], { tag: architecture, edit });
}

function rows(layout: string, tag = 'multi'): string[] {
  return listIndex(openLayout(layout), tag).map(({ kind, platform }) =>
    platform ? showPlatform(platform) : kind,
  );
}

function digestOf(layout: string, tag: string): string {
  return resolveReference(openLayout(layout), tag).manifestDescriptor.digest;
}

/** Writes an index as BuildKit does: an image, and its attestation for the platform unknown/unknown. */
function buildkit(layout: string, tag: string, image: string): Descriptor {
  const { manifestDescriptor: described } = resolveReference(openLayout(layout), image);
  const { annotations: _, ...descriptor } = described;
  const empty = put(layout, Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
  const document = { schemaVersion: 2, mediaType: manifestType, config: empty, layers: [] };
  const attestation: Descriptor = {
    ...put(layout, Buffer.from(JSON.stringify(document)), manifestType),
    platform: parsePlatform('unknown/unknown'),
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': descriptor.digest,
    },
  };
  const manifests = [{ ...descriptor, platform: parsePlatform(image) }, attestation];
  const type = 'application/vnd.oci.image.index.v1+json';
  const index = put(
    layout,
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests })),
    type,
  );
  const top = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  top.manifests.push({ ...index, annotations: { [refName]: tag } });
  writeFileSync(join(layout, 'index.json'), JSON.stringify(top));
  return attestation;
}

test('images are added to a new index, from this layout and from others', async (t) => {
  const layout = images(t, 'amd64', 'arm64');
  const other = images(t, 's390x');
  await addImagesToIndex({ image: `${layout}:multi`, images: [`${layout}:amd64`, `${other}:s390x`] });
  t.deepEqual(rows(layout), ['linux/amd64', 'linux/s390x']);
  await addImagesToIndex({ image: `${layout}:multi`, images: [`${layout}:arm64`] });
  t.deepEqual(rows(layout), ['linux/amd64', 'linux/s390x', 'linux/arm64']);
  t.is(
    resolveReference(openLayout(layout), 'multi', { platform: parsePlatform('s390x') }).config.os,
    'linux',
  );
  t.is(digestOf(layout, 'amd64'), listIndex(openLayout(layout), 'multi')[0]!.descriptor.digest);
  const fresh = join(tmpdir(t), 'fresh');
  await addImagesToIndex({ image: `${fresh}:x`, images: [`${layout}:arm64`] });
  t.deepEqual(rows(fresh, 'x'), ['linux/arm64']);
});

test('an image replaces the one for its platform, in its place; --platform says another platform', async (t) => {
  const layout = images(t, 'amd64', 'arm64');
  const multi = { image: `${layout}:multi` };
  await addImagesToIndex({ ...multi, images: [`${layout}:amd64`, `${layout}:arm64`] });
  addImage(layout, 's390x', 'new');
  await addImagesToIndex({ ...multi, images: [`${layout}:s390x`], platform: 'linux/amd64' });
  t.deepEqual(rows(layout), ['linux/amd64', 'linux/arm64']);
  t.is(listIndex(openLayout(layout), 'multi')[0]!.descriptor.digest, digestOf(layout, 's390x') as never);
  await addImagesToIndex({ ...multi, images: [`${layout}:arm64`], platform: 'linux/arm64/v9' });
  t.deepEqual(rows(layout), ['linux/amd64', 'linux/arm64/v9'], 'the same image is listed once');
});

test('entries are removed by platform and by digest', async (t) => {
  const layout = images(t, 'amd64', 'arm64', 's390x');
  const multi = { image: `${layout}:multi` };
  await addImagesToIndex({ ...multi, images: ['amd64', 'arm64', 's390x'].map((tag) => `${layout}:${tag}`) });
  const removed = await removeImagesFromIndex({
    ...multi,
    which: [parsePlatform('amd64'), digestOf(layout, 's390x')],
  });
  t.is(removed.length, 2);
  t.deepEqual(rows(layout), ['linux/arm64']);
  await t.throwsAsync(removeImagesFromIndex({ ...multi, which: [parsePlatform('amd64')] }), {
    code: 'INDEX_ENTRY',
  });
  t.true(openLayout(layout).hasBlob(digestOf(layout, 'amd64')), 'the blobs stay');
});

test('attestations come with their image, go with it, and are never lost otherwise', async (t) => {
  const layout = images(t, 'amd64', 'arm64');
  const attestation = buildkit(layout, 'built', 'amd64');
  const multi = { image: `${layout}:multi` };
  await addImagesToIndex({ ...multi, images: [`${layout}:arm64`, `${layout}:built`] });
  t.deepEqual(rows(layout), ['linux/arm64', 'linux/amd64', 'attestation']);
  await configureImage({ ...multi, platform: 'linux/arm64', change: { author: 'me' } });
  const entries = listIndex(openLayout(layout), 'multi');
  t.deepEqual(entries.at(-1)!.descriptor, attestation, 'unchanged');
  await removeImagesFromIndex({ ...multi, which: [parsePlatform('amd64')] });
  t.deepEqual(rows(layout), ['linux/arm64']);
  await addImagesToIndex({ ...multi, images: [`${layout}:built`], platform: 'linux/amd64' });
  t.deepEqual(rows(layout), ['linux/arm64', 'linux/amd64', 'attestation']);
  await t.throwsAsync(addImagesToIndex({ ...multi, images: [`${layout}:built`], platform: 'linux/s390x' }), {
    code: 'PLATFORM_NOT_FOUND',
  });
});

rootTest('repack --platform changes one image of the current index', async (t) => {
  const layout = images(t, 'amd64', 'arm64');
  const multi = `${layout}:multi`;
  await addImagesToIndex({ image: multi, images: [`${layout}:amd64`, `${layout}:arm64`] });
  const dir = tmpdir(t);
  for (const platform of ['amd64', 'arm64']) {
    await unpack({ image: multi, platform, bundle: join(dir, platform) });
    writeFileSync(join(dir, platform, 'rootfs/new'), platform);
  }
  // both bundles come from the index with the old images
  for (const platform of ['amd64', 'arm64'])
    await repack({ image: multi, platform, bundle: join(dir, platform), refreshBundle: true });
  t.deepEqual(rows(layout), ['linux/amd64', 'linux/arm64']);
  for (const platform of ['amd64', 'arm64']) {
    const { manifest } = resolveReference(openLayout(layout), 'multi', { platform: parsePlatform(platform) });
    t.is(manifest.layers.length, 2, `${platform} has its new layer`);
  }
  const again = { image: multi, bundle: join(dir, 'amd64') };
  await t.throwsAsync(repack({ ...again, platform: 'arm64' }), { code: 'PLATFORM_NOT_FOUND' });
  await t.throwsAsync(repack({ ...again, image: `${layout}:amd64`, platform: 'amd64' }), {
    code: 'INDEX_REQUIRED',
  });
  await repack({ ...again, image: `${layout}:multi2`, platform: 'amd64' });
  t.deepEqual(
    rows(layout, 'multi2'),
    ['linux/amd64', 'linux/arm64'],
    'a new tag gets the index of the bundle',
  );
});

test('of several changes of an index at the same time none is lost', async (t) => {
  const names = ['amd64', 'arm64', 's390x', 'riscv64'];
  const layout = images(t, ...names);
  await Promise.all(
    names.map((name) => addImagesToIndex({ image: `${layout}:multi`, images: [`${layout}:${name}`] })),
  );
  t.deepEqual(rows(layout).sort(), names.map((name) => `linux/${name}`).sort());
  await Promise.all(
    names.map((platform) =>
      configureImage({ image: `${layout}:multi`, platform, change: { author: platform } }),
    ),
  );
  for (const name of names)
    t.is(
      resolveReference(openLayout(layout), 'multi', { platform: parsePlatform(name) }).config.author,
      name,
    );
});

test('a manifest in place of an index, and an unknown reference, are refused', async (t) => {
  const layout = images(t, 'amd64');
  const one = { image: `${layout}:amd64` };
  await t.throwsAsync(addImagesToIndex({ ...one, images: [`${layout}:amd64`] }), { code: 'INDEX_REQUIRED' });
  await t.throwsAsync(removeImagesFromIndex({ ...one, which: ['sha256:x'] }), { code: 'INDEX_REQUIRED' });
  t.throws(() => listIndex(openLayout(layout), 'amd64'), { code: 'INDEX_REQUIRED' });
  await t.throwsAsync(removeImagesFromIndex({ image: `${layout}:none`, which: [] }), {
    code: 'REFERENCE_NOT_FOUND',
  });
  const fresh = join(tmpdir(t), 'fresh');
  await t.throwsAsync(addImagesToIndex({ image: `${fresh}:x`, images: [`${layout}:none`] }), {
    code: 'REFERENCE_NOT_FOUND',
  });
  t.false(existsSync(fresh));
  const docker = 'application/vnd.docker.distribution.manifest.list.v2+json';
  const list = put(
    layout,
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: docker, manifests: [] })),
    docker,
  );
  const top = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  top.manifests.push({ ...list, annotations: { [refName]: 'docker' } });
  writeFileSync(join(layout, 'index.json'), JSON.stringify(top));

  await t.throwsAsync(addImagesToIndex({ image: `${layout}:docker`, images: [`${layout}:amd64`] }), {
    code: 'IMAGE_UNWRITABLE',
  });
});

test('an index that names the next one many times, at every depth, is added immediately', async (t) => {
  const layout = images(t, 'amd64');
  const type = 'application/vnd.oci.image.index.v1+json';
  let children = [resolveReference(openLayout(layout), 'amd64').manifestDescriptor];
  for (let depth = 0; depth < 10; depth++) {
    const index = put(layout, Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: children })), type);
    children = Array(50).fill(index);
  }
  const top = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  top.manifests.push({ ...children[0], annotations: { [refName]: 'bomb' } });
  writeFileSync(join(layout, 'index.json'), JSON.stringify(top));
  await addImagesToIndex({ image: `${layout}:flat`, images: [`${layout}:bomb`] });
  t.deepEqual(rows(layout, 'flat'), ['linux/amd64']);
});
