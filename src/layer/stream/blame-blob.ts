import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import type { LayerSource } from '../types.js';

/**
 * Finds the real cause of a failure to apply a layer. A corrupt blob may first show as a malformed tar or an impossible
 * entry, before its digest is known; this function computes the digest.
 *
 * @returns BLOB_DIGEST with the error as cause if the digest is wrong, otherwise the error
 */
export async function blameBlob(error: unknown, source: LayerSource, signal: AbortSignal): Promise<unknown> {
  if (!isLayerhookError(error, 'TAR_INVALID') && !isLayerhookError(error, 'LAYER_ENTRY')) return error;
  const { digest, path, size, range } = source;
  const start = range?.offset ?? 0;
  const algorithm = digest.slice(0, digest.indexOf(':'));
  try {
    const hash = createHash(algorithm);
    const bytes = source.data
      ? Readable.from([source.data])
      : createReadStream(path, { start, end: start + size - 1 });
    await pipeline(bytes, hash, { signal });
    const actual = `${algorithm}:${hash.digest('hex')}`;
    return actual === digest ? error : new LayerhookError('BLOB_DIGEST', { digest, path, actual }, error);
  } catch {
    return error;
  }
}
