import { hash } from 'node:crypto';
import { detectCompression } from '../compression/detect.js';
import { gunzipWhole } from '../compression/gunzip-whole.js';
import type { LayerSource } from '../types.js';
import { BlobFile } from './blob-file.js';

/** bytes of a blob */
const SMALL = 1 << 20;
/** bytes of its tar: what a thread may hold of one at once */
const LARGEST_TAR = 8 << 20;

/** Whether a layer may be worth to be read as a whole. */
export function isSmall({ size }: Pick<LayerSource, 'size'>): boolean {
  return size <= SMALL;
}

/**
 * The tar of a small layer, read, verified (both digests) and decompressed with blocking calls.
 *
 * @returns null if that is not possible, for whatever reason: it is to be read as a stream, which can do more, or says
 *   what is wrong with it
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE
 */
export function readWholeLayer(source: LayerSource): Buffer | null {
  if (!isSmall(source)) return null;
  const blob = readBlob(source);
  const compression = detectCompression(blob);
  if (compression === 'zstd' || !matches(blob, source.digest)) return null;
  const tar = compression === 'gzip' ? gunzipWhole(blob, LARGEST_TAR) : blob;
  return tar !== null && matches(tar, source.diffID) ? tar : null;
}

function readBlob(source: LayerSource): Buffer {
  const file = new BlobFile(source);
  try {
    const blob = Buffer.allocUnsafeSlow(source.size);
    return blob.subarray(0, file.read(blob));
  } finally {
    file.close();
  }
}

function matches(bytes: Buffer, digest: string): boolean {
  const [algorithm] = digest.split(':', 1);
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return false;
  return `${algorithm}:${hash(algorithm, bytes, 'hex')}` === digest;
}
