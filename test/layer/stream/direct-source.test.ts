import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { createCompressor } from '../../../src/layer/compression/index.js';
import {
  canReadDirectly,
  createControl,
  DirectSource,
  failRing,
  ringCounters,
} from '../../../src/layer/stream/index.js';
import type { LayerSource } from '../../../src/layer/types.js';
import { layerBudget } from '../../../src/tar/budget.js';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { sample, through } from '../compression/helpers.js';

const content = sample(5_000_000);
const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function sourceOf(t: ExecutionContext<unknown>, blob: Uint8Array): LayerSource {
  const path = join(tmpdir(t), 'blob');
  writeFileSync(path, blob);
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  return { path, digest: sha256(blob), diffID: sha256(content), size: blob.length, mediaType };
}

test('a gzip layer is read, verified and counted by one thread', (t) => {
  if (!requires(t, 'libisal2')) return;
  const source = sourceOf(t, gzipSync(content));
  t.true(canReadDirectly(source));
  const control = createControl();
  const direct = DirectSource.open({ source, control })!;
  const pieces: Buffer[] = [];
  for (let piece = direct.read(); piece !== null; piece = direct.read()) {
    pieces.push(Buffer.from(piece));
    t.is(
      ringCounters(control).bytes,
      pieces.reduce((sum, { length }) => sum + length, 0),
    );
  }
  direct.close();
  t.true(pieces.length > 10);
  t.true(Buffer.concat(pieces).equals(content));
  t.is(direct.read(), null);
  const { digest, diffID, size: blobBytes } = source;
  t.deepEqual(direct.summary, { digest, diffID, blobBytes, bytes: content.length, decompressor: 'libisal2' });
  t.deepEqual(ringCounters(control), { blobBytes, bytes: content.length });
});

test('an abort ends the reading with its reason', (t) => {
  if (!requires(t, 'libisal2')) return;
  const control = createControl();
  const direct = DirectSource.open({ source: sourceOf(t, gzipSync(content)), control })!;
  t.not(direct.read(), null);
  failRing(control, new Error('the disk is full'));
  t.throws(() => direct.read(), { message: 'the disk is full' });
  direct.close();
});

test('the limit of uncompressed bytes holds', (t) => {
  if (!requires(t, 'libisal2')) return;
  const source = { ...sourceOf(t, gzipSync(content)), budget: layerBudget({ unpacked: 1_000_000 }) };
  const direct = DirectSource.open({ source, control: createControl() })!;
  t.throws(
    () => {
      while (direct.read() !== null);
    },
    { code: 'LIMIT_EXCEEDED' },
  );
  direct.close();
});

test('other compressions are left to the thread that has their decompressors', async (t) => {
  if (!requires(t, 'libisal2')) return;
  const zstd = sourceOf(t, await through(await createCompressor('zstd'), content));
  t.false(canReadDirectly({ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }));
  // a wrong media type: the first bytes decide
  for (const source of [zstd, sourceOf(t, content)])
    t.is(DirectSource.open({ source, control: createControl() }), null);
});
