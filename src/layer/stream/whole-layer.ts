import { hash } from 'node:crypto';
import { takeUnpacked } from '../../tar/budget.js';
import { detectCompression } from '../compression/detect.js';
import { gunzipWhole } from '../compression/gunzip-whole.js';
import type { Compression, LayerSource } from '../types.js';
import { BlobFile } from './blob-file.js';

/** Bytes of a small blob. */
const smallBytes = 1 << 20;
/** Bytes of a tar that a thread may hold in memory. */
const largestTar = 8 << 20;

/** Decompressors that work in one call. Layers of other compressions are read as a stream. */
const readers: Partial<Record<Compression, (blob: Buffer, memory: Memory) => Buffer | null>> = {
  gzip: (blob, { tar }) => gunzipWhole(blob, largestTar, { allocate: tar }),
  none: (blob) => blob,
};

/** True if a layer is small enough to be read as a whole. */
export function isSmall({ size }: Pick<LayerSource, 'size'>): boolean {
  return size <= smallBytes;
}

/** Where a blob and its tar go: functions that return memory of a size in bytes. */
export interface Memory {
  blob(bytes: number): Buffer;
  tar(bytes: number): Buffer;
}

/**
 * Memory for one layer after the other. 120 layers take 0.98 (overlay) and 0.96 (erofs) of the time, and 17 MiB less, than with new
 * memory for each layer.
 */
export function reusedMemory(): Memory {
  return { blob: reused(), tar: reused() };
}

function reused(): (bytes: number) => Buffer {
  let memory = Buffer.alloc(0);
  return (bytes) => {
    if (memory.length < bytes) memory = Buffer.allocUnsafeSlow(bytes);
    return memory.subarray(0, bytes);
  };
}

const ownMemory: Memory = { blob: Buffer.allocUnsafeSlow, tar: Buffer.allocUnsafeSlow };

/**
 * Reads, verifies (both digests) and decompresses a small layer with blocking calls.
 *
 * @param memory for the blob and the tar; default: their own
 * @returns the tar; null if that is not possible. The caller must then read it as a stream, which supports more layers
 *   and reports what is wrong with a bad one.
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, LIMIT_EXCEEDED
 */
export function readWholeLayer(source: LayerSource, memory: Memory = ownMemory): Buffer | null {
  if (!isSmall(source)) return null;
  const blob = readBlob(source, memory);
  const compression = detectCompression(blob);
  if (!matches(blob, source.digest)) return null;
  const tar = readers[compression]?.(blob, memory) ?? null;
  if (tar === null || !matches(tar, source.diffID)) return null;
  if (source.budget) takeUnpacked(source.budget, tar.length, source.digest);
  return tar;
}

function readBlob(source: LayerSource, memory: Memory): Buffer {
  const file = new BlobFile(source);
  try {
    const blob = memory.blob(source.size);
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
