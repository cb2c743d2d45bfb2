import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { LayerhookError } from '../../../src/errors/index.js';
import { createLayout } from '../../../src/image/layout.js';
import { chooseCompression, writeLayer } from '../../../src/layer/generate/write-layer.js';
import { sha256 } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';

const content = Buffer.from('tar'.repeat(1_000_000));

async function* chunks(error?: Error) {
  for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
  if (error) throw error;
}

function makeLayout(t: ExecutionContext<unknown>) {
  return createLayout(join(tmpdir(t), 'layout'));
}

test('a layer is compressed, its blob and its tar known by digest and size', async (t) => {
  const layout = makeLayout(t);
  const written = await writeLayer(layout, chunks(), 'gzip');
  const blob = readFileSync(layout.blobPlace(written.descriptor.digest).path);
  t.deepEqual(written, {
    descriptor: {
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: sha256(blob),
      size: blob.length,
      annotations: { 'ci.umo.uncompressed_blob_size': '3000000' },
    },
    diffID: sha256(content),
    uncompressedSize: 3_000_000,
  });
  t.true(gunzipSync(blob).equals(content));
});

test('a layer that is not compressed is its own tar, with no annotation', async (t) => {
  const { descriptor, diffID } = await writeLayer(makeLayout(t), chunks(), 'none');
  t.deepEqual(descriptor, {
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
    digest: diffID,
    size: content.length,
  });
});

test('zstd is written so that zstd reads it', async (t) => {
  if (!requires(t, 'zstd')) return;
  const layout = makeLayout(t);
  const { descriptor } = await writeLayer(layout, chunks(), 'zstd');
  t.is(descriptor.mediaType, 'application/vnd.oci.image.layer.v1.tar+zstd');
  const blob = readFileSync(layout.blobPlace(descriptor.digest).path);
  t.true(execFileSync('zstd', ['-dc'], { input: blob, maxBuffer: 1 << 30 }).equals(content));
});

test('a tar that fails leaves no blob, and fails with its own error', async (t) => {
  const layout = makeLayout(t);
  for (const compression of ['gzip', 'none'] as const) {
    const error = new LayerhookError('FILE_CHANGED', { path: 'f' });
    t.is(await t.throwsAsync(writeLayer(layout, chunks(error), compression)), error);
  }
  t.deepEqual(readdirSync(join(layout.path, 'blobs/sha256')), []);
});

test('an abort stops it', async (t) => {
  const layout = makeLayout(t);
  const stop = new AbortController();
  async function* endless() {
    for (;;) {
      yield content;
      stop.abort();
    }
  }
  await t.throwsAsync(writeLayer(layout, endless(), 'gzip', { signal: stop.signal }), { code: 'ABORTED' });
  t.deepEqual(readdirSync(join(layout.path, 'blobs/sha256')), []);
});

test('auto compresses as the newest layer that is compressed', async (t) => {
  const choose = (...mediaTypes: string[]) =>
    chooseCompression('auto', {
      layers: mediaTypes.map((mediaType) => ({ mediaType, digest: 'sha256:0', size: 0 })),
    });
  const oci = 'application/vnd.oci.image.layer.v1.tar';
  t.is(await choose(), 'gzip');
  t.is(await choose(oci), 'gzip');
  t.is(await choose(`${oci}+zstd`, `${oci}+gzip`, oci), 'gzip');
  t.is(await choose(`${oci}+zstd`, 'application/vnd.docker.image.rootfs.diff.tar.gzip'), 'gzip');
  t.is(await choose(`${oci}+lzma`), 'gzip');
  t.is(await chooseCompression('none', { layers: [] }), 'none');
  if (!requires(t, 'zstd')) return;
  t.is(await choose(`${oci}+gzip`, `${oci}+zstd`, oci), 'zstd');
});
