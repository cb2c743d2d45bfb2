import { PassThrough, type Transform } from 'node:stream';
import { requireThreadPool } from '../../system/pool.js';
import type { Compression } from '../types.js';
import { ParallelGzip } from './parallel-gzip.js';
import { zstdCompress } from './zstd.js';

export interface CompressorOptions {
  /** default: gzip 4, zstd 3 */
  level?: number;
  /** gzip: blocks compressed at once; does not change the bytes */
  concurrency?: number;
}

/**
 * A stream that takes a tar and gives a layer's blob. The same content and level give the same bytes.
 *
 * @throws LayerhookError COMPRESSION_UNAVAILABLE: zstd, with neither node's nor a libzstd
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
