import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { copyTag } from '../../src/image/find-image.js';
import { openLayout } from '../../src/image/layout.js';
import { ImageMutation } from '../../src/image/mutate.js';
import { parsePlatform } from '../../src/image/platform.js';
import { listTags, parseImageReference, removeTag } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import type { Descriptor, Index, Platform } from '../../src/image/types.js';
import { buildImage, put, writeImage } from '../helpers/image.js';

const indexType = 'application/vnd.oci.image.index.v1+json';
const platform = (text: string): Platform => parsePlatform(text);
const json = (document: unknown): Buffer => Buffer.from(JSON.stringify(document));

function readTop(layout: string): Index {
  return JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
}

function writeTop(layout: string, manifests: Descriptor[]): void {
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests }));
}

/** Returns the only descriptor of an index.json whose tag `multi` leads through an index to the manifests. */
function wrapped(layout: string, manifests: Descriptor[]): Descriptor[] {
  const index = put(layout, json({ schemaVersion: 2, manifests }), indexType);
  return [{ ...index, annotations: { 'org.opencontainers.image.ref.name': 'multi' } }];
}

test('an attestation is never chosen; a manifest for unknown/unknown only without another', (t) => {
  const { layout: path } = buildImage(t, []);
  const [image] = readTop(path).manifests;
  const unknown = { ...image!, platform: platform('unknown/unknown') };
  writeTop(path, wrapped(path, [unknown]));
  t.is(resolveReference(openLayout(path), 'multi').path.length, 2);
  const other = writeImage(path, [], { tag: 'x', config: { User: '1' } });
  writeTop(path, wrapped(path, [unknown, readTop(path).manifests.at(-1)!]));
  t.deepEqual(resolveReference(openLayout(path), 'multi').config, other.config);
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
  for (const platformOf of [
    {},
    { platform: platform('linux/amd64') },
    { platform: platform('unknown/unknown') },
  ]) {
    writeTop(path, wrapped(path, [{ ...image!, ...platformOf, annotations }]));
    t.throws(() => resolveReference(openLayout(path), 'multi'), { code: 'IMAGE_INVALID' });
  }
});

test('one tag twice with one digest, as containerd writes it, is one image', async (t) => {
  const { layout: path } = buildImage(t, []);
  const [image] = readTop(path).manifests;
  const named = (name: string) => ({
    ...image!,
    annotations: { ...image!.annotations, 'io.containerd.image.name': name },
  });
  writeTop(path, [named('a.example/x'), named('b.example/x'), ...wrapped(path, [image!])]);
  const layout = openLayout(path);
  t.is(resolveReference(layout, 'latest').path.length, 1);
  t.deepEqual(listTags(layout), ['latest', 'multi']);
  await copyTag(layout, 'latest', 'other');
  await layout.close();
  t.is(resolveReference(layout, 'other').manifestDescriptor.digest, image!.digest);
  t.true(await removeTag(layout, 'latest'));
  t.deepEqual(listTags(layout), ['multi', 'other']);
});

test('one tag on an image and on an index of it leads to one image, but cannot be copied', async (t) => {
  const { layout: path } = buildImage(t, [], { tag: 'multi' });
  const [image] = readTop(path).manifests;
  writeTop(path, [image!, ...wrapped(path, [image!])]);
  const layout = openLayout(path);
  t.is(resolveReference(layout, 'multi').manifestDescriptor.digest, image!.digest);
  await t.throwsAsync(copyTag(layout, 'multi', 'other'), { code: 'REFERENCE_AMBIGUOUS' });
});

for (const tag of ['a__b', '_a', 'v1-', 'a..b', 'a b', '-x', 'docker.io//x', 'ü']) {
  test(`a tag that other tools write is used if it exists: ${tag}`, async (t) => {
    const { layout: path } = buildImage(t, [], { tag });
    const layout = openLayout(path);
    t.deepEqual(listTags(layout), [tag]);
    const image = resolveReference(layout, parseImageReference(`x:${tag}`).tag);
    const mutation = new ImageMutation(layout, image);
    mutation.addHistory({ created_by: 'x' });
    await mutation.commit(tag);
    t.is(resolveReference(layout, tag).config.history?.length, 1);
    await copyTag(layout, tag, 'good');
    await t.throwsAsync(copyTag(layout, 'good', `${tag}_`), { code: 'REFERENCE_INVALID' });
    t.throws(() => resolveReference(layout, `${tag}_`), { code: 'REFERENCE_INVALID' });
    t.true(await removeTag(layout, tag));
    t.deepEqual(listTags(layout), ['good']);
    await layout.close();
  });
}

test('an image of each of many platforms, with a platform in its config only, is found quickly', (t) => {
  const { layout: path } = buildImage(t, []);
  const [image] = readTop(path).manifests;
  writeTop(path, wrapped(path, new Array(10_000).fill(image)));
  const layout = openLayout(path);
  t.is(resolveReference(layout, 'multi').path.length, 2);
  const error = t.throws(() => resolveReference(layout, 'multi', { platform: platform('linux/s390x') }));
  t.is(error?.message.match(/linux\/amd64/g)?.length, 1);
});
