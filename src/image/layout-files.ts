import { constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { counted } from '../errors/counted.js';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { close } from '../system/close.js';

/** Says how to raise the limits of JSON documents: the end of a sentence that begins with "over the limit of 10 bytes,". */
export const jsonAdvice = 'which --max-json raises';

/** @throws LayerhookError LIMIT_EXCEEDED if a document of `bytes` is too large */
export function requireSize(what: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  const limit = `${counted(maxBytes, 'bytes')}, ${jsonAdvice}`;
  throw new LayerhookError('LIMIT_EXCEEDED', { what: `${what} (${counted(bytes, 'bytes')})`, limit });
}

/**
 * Reads a small regular file of a layout or bundle. A FIFO in its place does not block.
 *
 * @returns undefined if the file is missing or not a regular file
 * @throws LayerhookError LIMIT_EXCEEDED, SYSTEM
 */
export function readSmallFile(path: string, maxBytes: number): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    requireSize(path, stat.size, maxBytes);
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
    if (fd !== undefined) close(fd);
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
