import { closeSync, createWriteStream, fsyncSync, openSync, rmSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import type { Compression } from '../types.js';

/**
 * Compresses a tar into a new file, and flushes it to its disk. If the tar fails, no file is left.
 *
 * @param file path at which nothing is yet
 * @returns bytes of the file
 * @throws LayerhookError ABORTED, COMPRESSION_UNAVAILABLE, NO_SPACE, SYSTEM, and what the tar throws
 */
export async function writeTarFile(
  file: string,
  tar: AsyncIterable<Buffer>,
  compression: Compression,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<number> {
  const { createCompressor } = await import('../compression/index.js');
  const what = `cannot write ${file}`;
  const fd = open(file, what);
  try {
    const sink = createWriteStream(file, { fd, autoClose: false });
    await pipeline(tar, await createCompressor(compression), sink, { ...(signal && { signal }) });
    fsyncSync(fd);
    return statSync(file).size;
  } catch (error) {
    rmSync(file, { force: true });
    if (signal?.aborted) throw new LayerhookError('ABORTED', { what: 'writing the archive' }, error);
    throw fsError(error, what);
  } finally {
    closeSync(fd);
  }
}

function open(file: string, what: string): number {
  try {
    return openSync(file, 'wx', 0o644);
  } catch (error) {
    throw fsError(error, what);
  }
}
