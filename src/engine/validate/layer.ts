import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { checkEntry } from '../../layer/apply/check-entry.js';
import { entryError } from '../../layer/apply/errors.js';
import { detectCompression } from '../../layer/compression/detect.js';
import type { Compression } from '../../layer/compression/registry.js';
import { layerTars } from '../../layer/merged/tars.js';
import { BlobFile } from '../../layer/stream/blob-file.js';
import type { ByteSource, LayerSource } from '../../layer/types.js';
import { Pace } from '../../system/steps.js';
import { layerBudget } from '../../tar/budget.js';
import { TarReader } from '../../tar/index.js';

/** Bad entries of one layer that are listed. */
const maxBadEntries = 20;

/**
 * Reads a layer to its end: both digests, the compression, the tar, and each entry, as extraction would check them.
 *
 * @returns everything that is wrong; of a layer with very many bad entries, the first ones
 * @throws LayerhookError ABORTED
 */
export async function checkLayer(source: LayerSource, signal?: AbortSignal): Promise<unknown[]> {
  const wrong: unknown[] = [];
  try {
    for await (const { bytes } of layerTars([source], signal)) {
      wrong.push(...(await checkTar(bytes, source, new Pace(signal))));
    }
  } catch (error) {
    // the cause of what a corrupt blob makes of its tar
    return isLayerhookError(error, 'BLOB_DIGEST') ? [error] : [error, ...wrong];
  }
  return wrong;
}

/** Returns the compression that the first bytes of a layer's blob have. @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE */
export function compressionOf(source: LayerSource): Compression {
  const blob = new BlobFile(source);
  try {
    const head = Buffer.alloc(16);
    return detectCompression(head.subarray(0, blob.read(head)));
  } finally {
    blob.close();
  }
}

async function checkTar(
  bytes: ByteSource,
  { digest, budget = layerBudget() }: LayerSource,
  pace: Pace,
): Promise<unknown[]> {
  const wrong: unknown[] = [];
  let bad = 0;
  const reader = new TarReader(bytes, { digest, budget });
  try {
    for (let entry = reader.next(); entry !== null; entry = reader.next()) {
      try {
        checkEntry(entry, reader);
      } catch (error) {
        if (++bad <= maxBadEntries) wrong.push(entryError(error, digest, entry.name));
      }
      while (reader.readData() !== null) if (pace.isDue) await pace.turn();
    }
  } catch (error) {
    if (!isLayerhookError(error, 'TAR_INVALID') && !isLayerhookError(error, 'LAYER_ENTRY')) throw error;
    wrong.push(error);
  }
  reader.drain();
  if (bad > maxBadEntries) wrong.push(tooMany(digest, bad));
  return wrong;
}

function tooMany(digest: string, count: number): LayerhookError {
  const reason = `and others: ${count} entries are malformed`;
  return new LayerhookError('LAYER_ENTRY', { digest, name: '(all)', reason });
}
