import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';

/**
 * Reads a small regular file of a layout or bundle. A FIFO in its place does not block.
 *
 * @param onOpen called with the stat of the open file
 * @returns undefined if the file is missing or not a regular file
 * @throws LayerhookError LIMIT_EXCEEDED, SYSTEM
 */
export function readSmallFile(
  path: string,
  maxBytes: number,
  onOpen?: (stat: Stats) => void,
): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    onOpen?.(stat);
    if (stat.size > maxBytes)
      throw new LayerhookError('LIMIT_EXCEEDED', { what: path, limit: `${maxBytes} bytes` });
    const bytes = Buffer.allocUnsafe(stat.size);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(fd, bytes, length, bytes.length - length, null);
    }
    return bytes.subarray(0, length);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fsError(error, `reading ${path}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Lists the names in a directory; a missing directory gives an empty list. @throws LayerhookError SYSTEM */
export function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw fsError(error, `reading ${path}`);
  }
}
