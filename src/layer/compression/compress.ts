import { PassThrough, type Transform } from 'node:stream';
import { requireThreadPool } from '../../system/pool.js';
import type { Compression } from '../types.js';
import { ParallelGzip } from './parallel-gzip.js';
import { zstdCompress } from './zstd.js';

export interface CompressorOptions {
  /** default: that of the algorithm */
  level?: number;
  /** gzip: number of blocks compressed in parallel; does not change the bytes */
  concurrency?: number;
}

/**
 * Creates a stream that compresses a tar to a layer's blob. The same content and level give the same bytes.
 *
 * @throws LayerhookError COMPRESSION_UNAVAILABLE: zstd, but neither this node nor an installed libzstd supports it
 * @throws LayerhookError SYSTEM if no thread can start
 */
export async function createCompressor(
  compression: Compression,
  options: CompressorOptions = {},
): Promise<Transform> {
  if (compression !== 'none') requireThreadPool();
  switch (compression) {
    case 'gzip':
      return new ParallelGzip(options);
    case 'zstd':
      return zstdCompress(options);
    case 'none':
      return new PassThrough();
  }
}
