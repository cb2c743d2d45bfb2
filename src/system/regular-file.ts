import { constants, fstatSync, lstatSync, openSync, readSync, type Stats, unlinkSync } from 'node:fs';
import { counted } from '../errors/counted.js';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError, limitTable } from '../errors/index.js';
import { close } from './close.js';

export interface ReadRegularFileOptions {
  /** largest size in bytes; default: that of JSON documents, 8 MiB */
  maxBytes?: number | undefined;
  /** true: follows a symlink to a regular file; default: a symlink is an error */
  follow?: boolean | undefined;
  /** called with the file's stat before the file is read; an exception stops the reading */
  onOpen?: ((stat: Stats) => void) | undefined;
}

/**
 * Reads a regular file in a directory that a container or another user may write to: does not block on a FIFO, open a
 * device or follow a symlink.
 *
 * @returns undefined if the file does not exist
 * @throws LayerhookError SYSTEM, also for a file of another type; LIMIT_EXCEEDED
 */
export function readRegularFile(
  path: string | Buffer,
  { maxBytes = limitTable.json.default, follow = false, onOpen }: ReadRegularFileOptions = {},
): Buffer | undefined {
  let fd: number | undefined;
  try {
    // opening a device may have side effects: check the type first
    const named = lstatSync(path);
    if (!named.isFile() && !(follow && named.isSymbolicLink())) throw irregular(path);
    const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
    fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw irregular(path);
    onOpen?.(stat);
    if (stat.size > maxBytes)
      throw new LayerhookError('LIMIT_EXCEEDED', { what: String(path), limit: counted(maxBytes, 'bytes') });
    return readBytes(fd, stat.size);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fsError(error, `cannot read ${path}`);
  } finally {
    if (fd !== undefined) close(fd);
  }
}

/**
 * Creates an empty file for writing. Replaces an existing file; a symlink is removed, not followed.
 *
 * @param mode permission bits of the file, before the umask
 * @returns the descriptor
 * @throws errors of node:fs
 */
export function createFile(path: string, mode: number): number {
  try {
    return openSync(path, 'wx', mode);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    removeFile(path);
    return openSync(path, 'wx', mode);
  }
}

/**
 * Removes a file if it exists; removes a symlink itself. node's rmSync throws errors without a code (node 24).
 *
 * @throws errors of node:fs
 */
export function removeFile(path: string | Buffer): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
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
  const expected = 'the path must be a regular file; remove the other file there';
  return new LayerhookError('SYSTEM', {
    what: `cannot read ${path}`,
    reason: 'it is not a regular file',
    expected,
  });
}
