import { PassThrough, type Transform } from 'node:stream';
import { requireThreadPool } from '../../system/pool.js';
import type { Compression } from '../types.js';
import { Gunzip } from './gunzip.js';
import { unzstd } from './zstd.js';

/**
 * Creates a stream that decompresses a layer's blob to its tar. It fails with COMPRESSION_CORRUPT if the blob is malformed
 * or truncated.
 *
 * @param digest digest of the layer, for errors
 * @throws LayerhookError COMPRESSION_UNAVAILABLE: zstd, but neither this node nor an installed libzstd supports it
 * @throws LayerhookError SYSTEM if no thread can start
 */
export async function createDecompressor(compression: Compression, digest: string): Promise<Transform> {
  if (compression !== 'none') requireThreadPool();
  switch (compression) {
    case 'gzip':
      return new Gunzip(digest);
    case 'zstd':
      return unzstd(digest);
    case 'none':
      return new PassThrough();
  }
}
