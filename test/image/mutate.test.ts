import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { ImageMutation } from '../../src/image/mutate.js';
import { listTags, setTag } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import type { Index } from '../../src/image/types.js';
import { buildImage, put, sha256 } from '../helpers/image.js';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const history = { created: '2021-02-03T04:05:06Z', created_by: 'test' };

test('a layer is added on top, with its history; the image it came from stays', async (t) => {
  const built = buildImage(t, [[{ name: 'a' }]]);
  const layout = openLayout(built.layout);
  const before = resolveReference(layout, 'latest');
  const mutation = new ImageMutation(layout, before);
  const blob = Buffer.from('a tar');
  mutation.addLayer({
    descriptor: { mediaType: LAYER, ...(await layout.writeBlob(blob)) },
    diffID: sha256(blob),
    history,
  });
  mutation.addHistory({ created_by: 'nothing' });
  const path = await mutation.commit('new');
  await layout.close();

  const after = resolveReference(layout, 'new');
  t.deepEqual(after.path, path);
  t.deepEqual(after.manifest.layers.slice(0, 1), before.manifest.layers);
  t.deepEqual(after.config.rootfs.diff_ids, [...before.config.rootfs.diff_ids, sha256(blob)]);
  t.deepEqual(after.config.history!.slice(1), [history, { created_by: 'nothing', empty_layer: true }]);
  t.is(after.config.created, before.config.created);
  t.deepEqual(resolveReference(layout, 'latest'), before);
});

test('unknown fields, their order and large numbers survive in config and manifest', async (t) => {
  const { layout: path } = buildImage(t, []);
  const configText =
    '{"x-z":{"b":9007199254740993,"a":1.0},"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},"x-a":"<&>","history":[]}';
  const config = put(path, Buffer.from(configText), 'application/vnd.oci.image.config.v1+json');
  const manifestText = (descriptor: object) =>
    `{"schemaVersion":2,"mediaType":"${MANIFEST}","x-q":9007199254740993,"layers":[],"config":${JSON.stringify(descriptor)},"annotations":{"b":"1","a":"2"}}`;
  const manifest = put(path, Buffer.from(manifestText(config)), MANIFEST);
  const layout = openLayout(path);
  await setTag(layout, 'latest', manifest);
  const mutation = new ImageMutation(layout, resolveReference(layout, 'latest'));
  mutation.addHistory(history);
  await mutation.commit('latest');
  await layout.close();

  const after = resolveReference(layout, 'latest');
  const expected = configText
    .replace('"history":[]', `"history":[${JSON.stringify({ ...history, empty_layer: true })}]`)
    .replace('"<&>"', '"\\u003c\\u0026\\u003e"');
  t.is(layout.readBlob(after.configDescriptor).toString(), `${expected}\n`);
  t.is(layout.readBlob(after.manifestDescriptor).toString(), `${manifestText(after.configDescriptor)}\n`);
});

test('setConfig replaces all but layers and history', async (t) => {
  const { layout: path } = buildImage(t, [[{ name: 'a' }]]);
  const layout = openLayout(path);
  const image = resolveReference(layout, 'latest');
  const mutation = new ImageMutation(layout, image);
  mutation.setConfig({
    ...mutation.config,
    author: 'me',
    rootfs: { type: 'layers', diff_ids: [] },
    history: [],
  });
  mutation.setAnnotations({ a: 'b' });
  await mutation.commit('latest');
  await layout.close();
  const { config, manifest } = resolveReference(layout, 'latest');
  t.is(config.author, 'me');
  t.deepEqual(config.rootfs, image.config.rootfs);
  t.deepEqual(config.history, image.config.history);
  t.deepEqual(manifest.annotations, { a: 'b' });
});

test('the tag keeps its other annotations, other tags stay', async (t) => {
  const { layout: path } = buildImage(t, [], {
    edit: { index: ({ manifests }) => void Object.assign(manifests[0]!.annotations!, { 'x.y': 'z' }) },
  });
  const layout = openLayout(path);
  const mutation = new ImageMutation(layout, resolveReference(layout, 'latest'));
  mutation.addHistory(history);
  await mutation.commit('new');
  await layout.close();
  t.deepEqual(listTags(layout), ['latest', 'new']);
  t.is(layout.readIndex().manifests[1]!.annotations!['x.y'], 'z');
});

test('the indexes on the way are rewritten, their other children and fields stay', async (t) => {
  const { layout: path } = buildImage(t, []);
  const top = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as Index;
  const { annotations: _, ...image } = top.manifests[0]!;
  const other = put(path, Buffer.from('other'), 'text/plain');
  const inner = {
    schemaVersion: 2,
    mediaType: INDEX,
    'x-unknown': true,
    manifests: [
      other,
      { ...image, platform: { os: 'linux', architecture: 'amd64' }, annotations: { a: 'b' } },
    ],
  };
  const innerDescriptor = put(path, Buffer.from(JSON.stringify(inner)), INDEX);
  const data = readFileSync(join(path, 'blobs', innerDescriptor.digest.replace(':', '/'))).toString('base64');
  const outer = { schemaVersion: 2, mediaType: INDEX, manifests: [{ ...innerDescriptor, data }] };
  const outerDescriptor = put(path, Buffer.from(JSON.stringify(outer)), INDEX);
  top.manifests = [{ ...outerDescriptor, annotations: { 'org.opencontainers.image.ref.name': 'deep' } }];
  writeFileSync(join(path, 'index.json'), JSON.stringify(top));

  const layout = openLayout(path);
  const before = resolveReference(layout, 'deep');
  t.is(before.path.length, 3);
  const mutation = new ImageMutation(layout, before);
  mutation.addHistory(history);
  await mutation.commit('deep');
  await layout.close();

  const after = resolveReference(layout, 'deep');
  t.is(after.path.length, 3);
  t.deepEqual(
    after.config.history,
    [history].map((entry) => ({ ...entry, empty_layer: true })),
  );
  const { digest, size } = after.manifestDescriptor;
  t.deepEqual(layout.readJson(after.path[1]!), {
    ...inner,
    manifests: [other, { ...inner.manifests[1], digest, size }],
  });
  t.is(after.path[1]!.data, undefined);
});

test('a Docker schema 2 image is not changed', (t) => {
  const { layout: path } = buildImage(t, [], {
    edit: {
      manifest: ({ config }) => {
        config.mediaType = 'application/vnd.docker.container.image.v1+json';
      },
    },
  });
  const layout = openLayout(path);
  t.throws(() => new ImageMutation(layout, resolveReference(layout, 'latest')), { code: 'IMAGE_UNWRITABLE' });
});

test('a malformed tag is refused before anything is written', async (t) => {
  const { layout: path } = buildImage(t, []);
  const layout = openLayout(path);
  const before = layout.blobs().length;
  const mutation = new ImageMutation(layout, resolveReference(layout, 'latest'));
  mutation.addHistory(history);
  await t.throwsAsync(mutation.commit('a b'), { code: 'REFERENCE_INVALID' });
  t.is(layout.blobs().length, before);
});
