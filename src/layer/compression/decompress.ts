import { PassThrough, type Transform } from 'node:stream';
import { LayerhookError } from '../../errors/index.js';
import type { Compression } from '../types.js';
import { Gunzip } from './gunzip.js';

/**
 * A stream that takes a compressed layer and gives its tar.
 *
 * It errors with COMPRESSION_CORRUPT if what it takes is malformed or cut off.
 *
 * @param digest what errors call the layer
 * @throws LayerhookError COMPRESSION_UNAVAILABLE: zstd, with neither node's nor a libzstd
 */
export async function createDecompressor(compression: Compression, digest: string): Promise<Transform> {
  switch (compression) {
    case 'gzip':
      return new Gunzip(digest);
    case 'zstd':
      throw new LayerhookError('COMPRESSION_UNAVAILABLE', { format: 'zstd', reason: 'not built in yet' });
    case 'none':
      return new PassThrough();
  }
}
