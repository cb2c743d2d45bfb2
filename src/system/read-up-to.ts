import { fstatSync, readSync } from 'node:fs';
import { counted } from '../errors/counted.js';
import { LayerhookError, limitTable } from '../errors/index.js';

const leastBytes = 64 * 1024;

/**
 * Reads a descriptor to its end. The size that a file system tells does not count: a pipe has none, and a file may grow or be
 * made by a program (FUSE).
 *
 * @param what names the source in the error
 * @param maxBytes default: that of JSON documents, 8 MiB
 * @param advice completes the error after the limit, such as "which --max-json raises"
 * @throws LayerhookError LIMIT_EXCEEDED; errors of node:fs
 */
export function readUpTo(
  fd: number,
  what: string,
  maxBytes: number = limitTable.json.default,
  advice?: string,
): Buffer {
  // in one buffer: pieces that are joined take twice the memory
  let bytes = Buffer.allocUnsafeSlow(Math.min(Math.max(fstatSync(fd).size, leastBytes), maxBytes) + 1);
  for (let length = 0; ; ) {
    if (length === bytes.length)
      bytes = Buffer.concat([bytes], Math.min(Math.max(2 * length, leastBytes), maxBytes + 1));
    const count = readSync(fd, bytes, length, bytes.length - length, null);
    if (count === 0) return bytes.subarray(0, length);
    length += count;
    if (length > maxBytes) throw tooLarge(what, maxBytes, advice);
  }
}

/** Returns the error for an input over its limit; see {@link readUpTo}. */
export function tooLarge(what: string, maxBytes: number, advice?: string): LayerhookError {
  const limit = `${counted(maxBytes, 'bytes')}${advice === undefined ? '' : `, ${advice}`}`;
  return new LayerhookError('LIMIT_EXCEEDED', { what, limit });
}
