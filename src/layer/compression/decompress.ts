import { PassThrough, type Transform } from 'node:stream';
import type { Compression } from '../types.js';
import { Gunzip } from './gunzip.js';
import { unzstd } from './zstd.js';

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
      return unzstd(digest);
    case 'none':
      return new PassThrough();
  }
}
