import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { unpack } from '../../src/engine/unpack/unpack.js';
import { collectGarbage } from '../../src/image/gc.js';
import { createLayout, openLayout } from '../../src/image/layout.js';
import { newImage } from '../../src/image/new.js';
import { listTags } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { sha256 } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { writeTar } from './tars.js';

const layers = [tar([{ name: 'a', content: 'a' }]), tar([{ name: 'b', content: 'b' }])];
const config = {
  ...{ architecture: 'amd64', os: 'linux', config: { User: '7' } },
  rootfs: { type: 'layers', diff_ids: layers.map(sha256) },
};

/** An archive as docker 1.10 to 24 saves it: a layer that occurs twice is a symlink to the first. */
function saved(changes: { manifest?: unknown; config?: object; entries?: RawEntry[] } = {}): RawEntry[] {
  const image = {
    Config: 'c.json',
    RepoTags: ['x:1', 'localhost:5000/y:2'],
    Layers: ['1/layer.tar', '2/layer.tar', '3/layer.tar'],
  };
  const diffIDs = [0, 1, 0].map((at) => sha256(layers[at]!));
  const whole = { ...config, rootfs: { type: 'layers', diff_ids: diffIDs }, ...changes.config };
  return [
    { name: '1/layer.tar', content: layers[0]! },
    { name: '2/layer.tar', content: layers[1]! },
    { name: '3/layer.tar', type: 'symlink', linkname: '../1/layer.tar' },
    { name: 'c.json', content: JSON.stringify(whole) },
    { name: 'manifest.json', content: JSON.stringify(changes.manifest ?? [image]) },
    ...(changes.entries ?? []),
  ];
}

const opened = (t: ExecutionContext, entries: RawEntry[]) =>
  openLayout(`docker-archive:${writeTar(t, entries)}`);

test('the old form: layers in directories, and symlinks to layers', async (t) => {
  const layout = opened(t, saved());
  t.deepEqual(listTags(layout), ['x:1', 'localhost:5000/y:2']);
  const image = resolveReference(layout, 'x:1');
  t.is(image.config.config?.User, '7');
  t.deepEqual(image.manifestDescriptor.platform, { architecture: 'amd64', os: 'linux' });
  const digests = [0, 1, 0].map((at) => sha256(layers[at]!));
  t.deepEqual(
    image.manifest.layers.map(({ digest }) => digest),
    digests,
  );
  for (const layer of image.manifest.layers) t.is(sha256(await buffer(layout.openBlob(layer))), layer.digest);
  t.is(resolveReference(layout, 'latest').manifestDescriptor.digest, image.manifestDescriptor.digest);
});

test('the new form: layers and config are blobs of a layout', (t) => {
  const names = layers.map((layer) => `blobs/sha256/${sha256(layer).slice(7)}`);
  const layout = opened(t, [
    { name: 'blobs/sha256/c', content: JSON.stringify(config) },
    ...layers.map((content, at) => ({ name: names[at]!, content })),
    { name: 'index.json', content: '{}' },
    {
      name: 'manifest.json',
      content: JSON.stringify([{ Config: 'blobs/sha256/c', RepoTags: null, Layers: names }]),
    },
  ]);
  t.deepEqual(listTags(layout), []);
  t.is(resolveReference(layout, 'latest').manifest.layers.length, 2);
});

test('compressed layers get the digest and media type of their bytes', async (t) => {
  const blob = gzipSync(layers[0]!);
  const layout = opened(t, [
    { name: 'l', content: blob },
    {
      name: 'c',
      content: JSON.stringify({ ...config, rootfs: { type: 'layers', diff_ids: [sha256(layers[0]!)] } }),
    },
    { name: 'manifest.json', content: JSON.stringify([{ Config: 'c', RepoTags: ['z'], Layers: ['l'] }]) },
  ]);
  const [layer] = resolveReference(layout, 'z').manifest.layers;
  t.is(layer?.digest, sha256(blob));
  t.is(layer?.mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip');
});

rootTest('an image of docker save is unpacked', async (t) => {
  const bundle = join(tmpdir(t), 'bundle');
  await unpack({ image: `docker-archive:${writeTar(t, saved())}`, bundle });
  t.is(readFileSync(join(bundle, 'rootfs/b'), 'utf8'), 'b');
});

test('a docker-archive is read-only', async (t) => {
  const layout = opened(t, saved());
  await t.throwsAsync(newImage(layout, 'new', new Date(0)), { code: 'LAYOUT_UNWRITABLE' });
  await t.throwsAsync(collectGarbage(layout), { code: 'LAYOUT_UNWRITABLE' });
  t.throws(() => createLayout('docker-archive:/nonexistent/x'), { code: 'LAYOUT_UNWRITABLE' });
});

test('a layer that is not what the config says is refused when it is read', async (t) => {
  const digest = sha256(Buffer.from('other'));
  const layout = opened(
    t,
    saved({ config: { rootfs: { type: 'layers', diff_ids: [digest, digest, digest] } } }),
  );
  const [layer] = resolveReference(layout, 'x:1').manifest.layers;
  await t.throwsAsync(buffer(layout.openBlob(layer!)), { code: 'BLOB_DIGEST' });
});

const image = { Config: 'c.json', RepoTags: [], Layers: ['1/layer.tar', '2/layer.tar', '3/layer.tar'] };
const hostile: [title: string, entries: RawEntry[], message: RegExp][] = [
  ['no manifest.json', [{ name: 'a' }], /no file manifest.json/],
  ['a manifest.json that is an object', saved({ manifest: {} }), /not a list/],
  ['an image without a config', saved({ manifest: [{}] }), /image 0 of its manifest.json has no Config/],
  ['a config that is missing', saved({ manifest: [{ ...image, Config: 'x' }] }), /no file x/],
  [
    'layers that are numbers',
    saved({ manifest: [{ ...image, Layers: [1] }] }),
    /Layers .* not a list of strings/,
  ],
  ['a layer that is missing', saved({ manifest: [{ ...image, Layers: ['x', 'y', 'z'] }] }), /no layer x/],
  [
    'a name that leads out of the tar',
    saved({ manifest: [{ ...image, Config: '../c.json' }] }),
    /no file \.\.\/c.json/,
  ],
  ['fewer layers than diff_ids', saved({ manifest: [{ ...image, Layers: [] }] }), /3 diff_ids for 0 layers/],
  [
    'two files manifest.json',
    saved({ entries: [{ name: 'manifest.json', content: '[]' }] }),
    /several files manifest/,
  ],
  [
    'a symlink that leads to itself',
    saved({
      manifest: [{ ...image, Config: 'loop' }],
      entries: [{ name: 'loop', type: 'symlink', linkname: 'loop' }],
    }),
    /no file loop/,
  ],
  [
    'a symlink to a file of this machine',
    saved({
      manifest: [{ ...image, Config: 'p' }],
      entries: [{ name: 'p', type: 'symlink', linkname: '/etc/passwd' }],
    }),
    /no file p/,
  ],
];

for (const [title, entries, message] of hostile)
  test(`refused: ${title}`, (t) => {
    const error = t.throws(() => opened(t, entries), { message });
    t.regex((error as { code?: string }).code ?? '', /^(LAYOUT|IMAGE)_INVALID$/);
  });

test('many names of one large layer cost one reading of it', (t) => {
  const blob = gzipSync(Buffer.alloc(1 << 20));
  const count = 4000;
  const diffIDs = Array(count).fill(sha256(layers[0]!));
  const layout = opened(t, [
    { name: 'l', content: Buffer.concat([blob, Buffer.alloc(8 << 20)]) },
    { name: 'c', content: JSON.stringify({ ...config, rootfs: { type: 'layers', diff_ids: diffIDs } }) },
    { name: 'manifest.json', content: JSON.stringify([{ Config: 'c', Layers: Array(count).fill('l') }]) },
  ]);
  t.is(resolveReference(layout, 'latest').manifest.layers.length, count);
});
