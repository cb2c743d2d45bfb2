import { fstatSync, fsyncSync, openSync } from 'node:fs';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { fromText } from '../../system/bytes.js';
import { writeAndClose } from '../../system/close-on-error.js';
import { writeAll } from '../../system/files.js';
import { removeFile } from '../../system/regular-file.js';
import type { Compression } from '../types.js';

interface WriteOptions {
  signal?: AbortSignal | undefined;
}

/**
 * Compresses a tar to a new file and flushes it to disk. If the tar fails, no file is left.
 *
 * @param file path of the new file, which must not exist
 * @returns size of the file in bytes
 * @throws LayerhookError ABORTED, COMPRESSION_UNAVAILABLE, NO_SPACE, SYSTEM, and the errors of `tar`
 */
export async function writeTarFile(
  file: string,
  tar: AsyncIterable<Buffer>,
  compression: Compression,
  options: WriteOptions = {},
): Promise<number> {
  const what = `cannot write ${file}`;
  const fd = open(file, what);
  try {
    return await writeAndClose(fd, fromText(file), () => writeTar(fd, file, tar, compression, options));
  } catch (error) {
    removeFile(file);
    throw fsError(error, what);
  }
}

/**
 * Writes as {@link writeTarFile} does, to an empty file that the caller has opened and will close.
 *
 * @param fd open for writing
 * @param path of the file, for errors
 */
export async function writeTar(
  fd: number,
  path: string,
  tar: AsyncIterable<Buffer>,
  compression: Compression,
  { signal }: WriteOptions = {},
): Promise<number> {
  const { createCompressor } = await import('../compression/index.js');
  const what = `cannot write ${path}`;
  try {
    await pipeline(tar, await createCompressor(compression), sinkOf(fd, what), { ...(signal && { signal }) });
    fsyncSync(fd);
    return fstatSync(fd).size;
  } catch (error) {
    if (signal?.aborted) throw new LayerhookError('ABORTED', { what: 'writing the archive' }, error);
    throw fsError(error, what);
  }
}

/** Creates a stream with synchronous writes: an asynchronous one could hit another file after `fd` is closed and reused. */
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
