import type { Transform } from 'node:stream';
import type { ReaderOptions, WriterOptions } from './algorithm.js';
import { algorithmOf, type Compression } from './registry.js';

/**
 * Creates a stream that compresses a tar to a layer's blob. The same content and level give the same bytes.
 *
 * @param options `level` is limited to the levels of the algorithm, and has its usual level as default
 * @throws LayerhookError COMPRESSION_UNAVAILABLE: this host cannot compress with the algorithm
 * @throws LayerhookError SYSTEM if no thread can start
 */
export async function createCompressor(
  compression: Compression,
  options: Partial<WriterOptions> = {},
): Promise<Transform> {
  // imported here: the thread that decompresses starts without koffi
  const { requireThreadPool } = await import('../../system/pool.js');
  if (compression !== 'none') requireThreadPool();
  const { writer, levels } = algorithmOf(compression);
  const level = Math.max(levels.least, Math.min(options.level ?? levels.usual, levels.most));
  return writer({ ...options, level });
}

/**
 * Creates a stream that decompresses a layer's blob to its tar. It fails with COMPRESSION_CORRUPT if the blob is malformed
 * or truncated, and with LIMIT_EXCEEDED if a zstd stream needs a larger window.
 *
 * @param digest digest of the layer, for errors
 * @throws LayerhookError COMPRESSION_UNAVAILABLE: this host cannot decompress the algorithm
 */
export async function createDecompressor(
  compression: Compression,
  digest: string,
  options: ReaderOptions = {},
): Promise<Transform> {
  return algorithmOf(compression).reader(digest, options);
}
