import { closeSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { writeAll } from '../../system/files.js';
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
    await pipeline(tar, await createCompressor(compression), sinkOf(fd, what), { ...(signal && { signal }) });
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

/** Synchronous, as all of this program's files are: a write that is under way when the file is closed would hit another. */
function sinkOf(fd: number, what: string): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        writeAll(fd, chunk, null);
        done();
      } catch (error) {
        done(fsError(error, what));
      }
    },
  });
}

function open(file: string, what: string): number {
  try {
    return openSync(file, 'wx', 0o644);
  } catch (error) {
    throw fsError(error, what);
  }
}
