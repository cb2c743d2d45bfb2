/** Each kind of bad input ends with one clear line, non-zero, and an absent or unchanged bundle. */
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../src/errors/index.js';
import { layerhook, succeed } from '../helpers/cli.js';
import { arena, assertError, assertRefused } from '../helpers/hostile.js';
import { type BuiltImage, buildImage, type ImageOptions, type RawLayer } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

const good: RawLayer[] = [
  [
    { name: 'etc/', type: 'dir' },
    { name: 'etc/motd', content: 'hello'.repeat(1000) },
  ],
  [{ name: 'etc/two', content: 'two' }],
];

/** Builds a good image, spoils it, and expects unpacking it to be refused. */
async function spoiled(
  t: ExecutionContext,
  code: ErrorCode,
  spoil: (image: BuiltImage) => void,
  options: ImageOptions = {},
): Promise<void> {
  if (!requires(t, 'root')) return;
  const place = arena(t);
  const image = buildImage(t, good, options);
  spoil(image);
  const finished = await layerhook(['unpack', '--image', image.reference, place.bundle]);
  assertError(t, finished, code);
  t.deepEqual(treeOf(place.bundles).size, 1, 'the bundle is absent');
  place.assertUntouched();
}

const layerFile = (image: BuiltImage, at = 0) => image.blob(image.manifest.layers[at]!.digest);

test('no layout', async (t) => {
  const place = arena(t);
  const finished = await layerhook(['unpack', '--image', `${place.outside}/none:tag`, place.bundle]);
  assertError(t, finished, 'LAYOUT_NOT_FOUND');
  place.assertUntouched();
});

test('a directory that is not a layout', async (t) => {
  const place = arena(t);
  const finished = await layerhook(['unpack', '--image', `${place.outside}:tag`, place.bundle]);
  assertError(t, finished, 'LAYOUT_INVALID');
  place.assertUntouched();
});

test('no such tag', async (t) => {
  const place = arena(t);
  const image = buildImage(t, good);
  const finished = await layerhook(['unpack', '--image', `${image.layout}:none`, place.bundle]);
  assertError(t, finished, 'REFERENCE_NOT_FOUND');
});

for (const [reference, what] of [
  [':latest', 'no path'],
  ['LAYOUT:', 'an empty tag'],
  ['LAYOUT:a b', 'a blank'],
  ['LAYOUT:-x', 'a tag that starts with a dash'],
  ['LAYOUT:a\u0007', 'a control character'],
]) {
  test(`a malformed reference: ${what}`, async (t) => {
    const place = arena(t);
    const image = buildImage(t, good);
    const finished = await layerhook([
      'unpack',
      '--image',
      reference!.replace('LAYOUT', image.layout),
      place.bundle,
    ]);
    assertError(t, finished, 'REFERENCE_INVALID');
    place.assertUntouched();
  });
}

rootTest('an existing bundle stays unchanged', async (t) => {
  const place = arena(t);
  const image = buildImage(t, good);
  await succeed(t, layerhook(['unpack', '--image', image.reference, place.bundle]));
  writeFileSync(join(place.bundle, 'rootfs/mine'), 'mine');
  const before = treeOf(place.bundles);
  const finished = await layerhook(['unpack', '--image', image.reference, place.bundle]);
  assertError(t, finished, 'BUNDLE_EXISTS');
  t.deepEqual(diffTrees(before, treeOf(place.bundles)), []);
});

test('repack of a missing bundle', async (t) => {
  const place = arena(t);
  const image = buildImage(t, good);
  const finished = await layerhook(['repack', '--image', `${image.layout}:new`, place.bundle]);
  assertError(t, finished, 'BUNDLE_NOT_FOUND');
  place.assertUntouched();
});

rootTest('repack of a bundle whose umoci.json is garbage', async (t) => {
  const place = arena(t);
  const image = buildImage(t, good);
  await succeed(t, layerhook(['unpack', '--image', image.reference, place.bundle]));
  writeFileSync(join(place.bundle, 'umoci.json'), '{"version": 2');
  const before = treeOf(image.layout);
  const finished = await layerhook(['repack', '--image', `${image.layout}:new`, place.bundle]);
  assertError(t, finished, 'BUNDLE_INVALID');
  t.deepEqual(diffTrees(before, treeOf(image.layout)), [], 'the layout is unchanged');
});

test('index.json is not JSON', (t) =>
  spoiled(t, 'IMAGE_INVALID', ({ layout }) =>
    writeFileSync(join(layout, 'index.json'), '{"schemaVersion":'),
  ));

test('index.json is JSON of something else', (t) =>
  spoiled(t, 'IMAGE_INVALID', ({ layout }) => writeFileSync(join(layout, 'index.json'), '{"manifests": 7}')));

test('a layout of another version', (t) =>
  spoiled(t, 'LAYOUT_INVALID', ({ layout }) =>
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"9.0.0"}'),
  ));

test('the manifest is missing', (t) =>
  spoiled(t, 'BLOB_NOT_FOUND', ({ layout, blob }) => {
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    rmSync(blob(index.manifests[0]!.digest));
  }));

test('the config is another one of the same size', (t) =>
  spoiled(t, 'BLOB_DIGEST', ({ manifest, blob }) => {
    const file = blob(manifest.config.digest);
    writeFileSync(file, readFileSync(file, 'utf8').replace('amd64', 'amd65'));
  }));

test('a layer is missing', (t) => spoiled(t, 'BLOB_NOT_FOUND', (image) => rmSync(layerFile(image))));

test('a layer has one other byte', (t) =>
  spoiled(
    t,
    'BLOB_DIGEST',
    (image) => {
      const content = readFileSync(layerFile(image));
      content[600]! ^= 1;
      writeFileSync(layerFile(image), content);
    },
    { compression: 'none' },
  ));

test('the upper layer, not the first, has one other byte', (t) =>
  spoiled(
    t,
    'BLOB_DIGEST',
    (image) => {
      const content = readFileSync(layerFile(image, 1));
      content[512]! ^= 1;
      writeFileSync(layerFile(image, 1), content);
    },
    { compression: 'none' },
  ));

test('a layer is cut short', (t) => spoiled(t, 'BLOB_SIZE', (image) => truncateSync(layerFile(image), 60)));

test('a layer goes on after its end', (t) =>
  spoiled(t, 'BLOB_SIZE', (image) => appendFileSync(layerFile(image), 'more')));

test('a descriptor with a wrong size', (t) =>
  spoiled(t, 'BLOB_SIZE', () => {}, { edit: { manifest: ({ layers }) => void layers[0]!.size-- } }));

test('a descriptor with a negative size', (t) =>
  spoiled(t, 'IMAGE_INVALID', () => {}, {
    edit: {
      manifest: ({ layers }) => {
        layers[0]!.size = -1;
      },
    },
  }));

test('a descriptor with a malformed digest', (t) =>
  spoiled(t, 'DIGEST_INVALID', () => {}, {
    edit: {
      manifest: ({ layers }) => {
        layers[0]!.digest = 'sha256:../../../../etc/passwd';
      },
    },
  }));

test('a diffID that is not that of the layer', (t) =>
  spoiled(t, 'DIFF_ID', () => {}, {
    edit: {
      config: ({ rootfs }) => {
        rootfs.diff_ids[1] = `sha256:${'0'.repeat(64)}`;
      },
    },
  }));

test('fewer diffIDs than layers', (t) =>
  spoiled(t, 'IMAGE_INVALID', () => {}, { edit: { config: ({ rootfs }) => void rootfs.diff_ids.pop() } }));

test('a layer that is not gzip', (t) =>
  spoiled(t, 'TAR_INVALID', () => {}, {
    blob: (bytes) => Buffer.concat([Buffer.from('no'), bytes]),
  }));

test('a gzip stream with a wrong checksum', (t) =>
  spoiled(t, 'COMPRESSION_CORRUPT', () => {}, {
    blob: (bytes) => {
      const blob = gzipSync(bytes);
      blob[blob.length - 8]! ^= 1;
      return blob;
    },
  }));

test('a gzip stream that ends too soon', (t) =>
  spoiled(t, 'COMPRESSION_CORRUPT', () => {}, { blob: (bytes) => gzipSync(bytes).subarray(0, -20) }));

test('a layer of an unknown media type', (t) =>
  spoiled(t, 'LAYER_MEDIA_TYPE', () => {}, {
    edit: {
      manifest: ({ layers }) => {
        layers[0]!.mediaType = 'application/vnd.cncf.helm.chart';
      },
    },
  }));

for (const [what, bytes] of [
  ['a header with a wrong checksum', tar([{ name: 'a', badChecksum: true }])],
  ['text', Buffer.from('not a tar at all, but it is longer than one block of a tar. '.repeat(20))],
  ['content that ends too soon', tar([{ name: 'a', content: 'short', size: 5000 }]).subarray(0, 1024)],
  ['half a header', tar([{ name: 'a' }]).subarray(0, 300)],
  ['a size that is not a number', tar([{ name: 'a', patch: (header) => header.write('9z', 124) }])],
] as const) {
  rootTest(`a malformed tar: ${what}`, async (t) => {
    await assertRefused(t, 'TAR_INVALID', () => [...good, Buffer.from(bytes)]);
  });
}

rootTest('unpack where the bundle cannot be made', async (t) => {
  const image = buildImage(t, good);
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'file'), '');
  const finished = await layerhook(['unpack', '--image', image.reference, join(dir, 'file/bundle')]);
  t.not(finished.status, 0);
  t.regex(finished.stderr, /^[^\n]*file\/?[^\n]*\n$/);
});

test('wrong usage: no arguments, unknown options, unknown commands', async (t) => {
  for (const args of [['unpack'], ['unpack', '--nope', 'x'], ['nope'], ['unpack', '--image']]) {
    const finished = await layerhook(args);
    t.not(finished.status, 0, args.join(' '));
    t.notRegex(finished.stderr, /node:internal|\bat .*:\d+:\d+/);
  }
});
