import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, rmSync, type Stats } from 'node:fs';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';

export interface ReadRegularFileOptions {
  /** largest size in bytes; default: no limit */
  maxBytes?: number | undefined;
  /** true: `path` may be a symlink to a regular file; default: a symlink is refused */
  follow?: boolean | undefined;
  /** gets the stat of the file before it is read; what it throws ends the reading */
  onOpen?: ((stat: Stats) => void) | undefined;
}

/**
 * Reads a regular file in a directory that a container or another user may have written to: a FIFO there does not block,
 * a device is not opened, and a symlink is not followed.
 *
 * @returns undefined if the file does not exist
 * @throws LayerhookError SYSTEM, also for a file of another type; LIMIT_EXCEEDED
 */
export function readRegularFile(
  path: string | Buffer,
  { maxBytes = Number.POSITIVE_INFINITY, follow = false, onOpen }: ReadRegularFileOptions = {},
): Buffer | undefined {
  let fd: number | undefined;
  try {
    // opening some devices has an effect: look first
    const named = lstatSync(path);
    if (!named.isFile() && !(follow && named.isSymbolicLink())) throw irregular(path);
    const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
    fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw irregular(path);
    onOpen?.(stat);
    if (stat.size > maxBytes)
      throw new LayerhookError('LIMIT_EXCEEDED', { what: String(path), limit: `${maxBytes} bytes` });
    return readBytes(fd, stat.size);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fsError(error, `cannot read ${path}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Creates an empty file to write to, in the place of what has its name: a symlink there is removed, not followed.
 *
 * @param mode permission bits of the file, before the umask
 * @returns its descriptor
 * @throws what node:fs throws
 */
export function createFile(path: string, mode: number): number {
  try {
    return openSync(path, 'wx', mode);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    rmSync(path, { force: true });
    return openSync(path, 'wx', mode);
  }
}

function readBytes(fd: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  for (let count = -1; count !== 0 && length < size; length += count)
    count = readSync(fd, bytes, length, size - length, null);
  return bytes.subarray(0, length);
}

function irregular(path: string | Buffer): LayerhookError {
  const expected = 'a regular file is expected there; remove what has its name';
  return new LayerhookError('SYSTEM', {
    what: `cannot read ${path}`,
    reason: 'it is not a regular file',
    expected,
  });
}
