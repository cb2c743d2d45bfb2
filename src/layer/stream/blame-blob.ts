import { pipeline } from 'node:stream/promises';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { openVerified } from '../../image/blob.js';
import type { Digest } from '../../image/types.js';
import type { LayerSource } from '../types.js';

/**
 * Finds the real cause of a failure to apply a layer. A corrupt blob may first show as a malformed tar or an impossible
 * entry, before its digest is known; this function computes the digest.
 *
 * @returns BLOB_DIGEST with the error as cause if the digest is wrong, otherwise the error
 */
export async function blameBlob(error: unknown, source: LayerSource, signal: AbortSignal): Promise<unknown> {
  if (!isLayerhookError(error, 'TAR_INVALID') && !isLayerhookError(error, 'LAYER_ENTRY')) return error;
  const { digest, size, path, range, data } = source;
  try {
    const blob = openVerified({ path, range, data }, { mediaType: '', digest: digest as Digest, size }, path);
    await pipeline(blob, drain, { signal });
    return error;
  } catch (found) {
    return isLayerhookError(found, 'BLOB_DIGEST')
      ? new LayerhookError('BLOB_DIGEST', { digest, path, actual: found.details.actual! }, error)
      : error;
  }
}

async function drain(blob: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of blob);
}
