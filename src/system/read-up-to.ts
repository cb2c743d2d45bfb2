import { readSync } from 'node:fs';
import { LayerhookError, limitTable } from '../errors/index.js';

const pieceBytes = 64 * 1024;

/**
 * Reads a descriptor to its end. The size that a file system tells does not count: a pipe has none, and a file may grow or be
 * made by a program (FUSE).
 *
 * @param what names the source in the error
 * @param maxBytes default: that of JSON documents, 8 MiB
 * @throws LayerhookError LIMIT_EXCEEDED; errors of node:fs
 */
export function readUpTo(fd: number, what: string, maxBytes: number = limitTable.json.default): Buffer {
  const pieces: Buffer[] = [];
  let length = 0;
  for (;;) {
    const piece = Buffer.allocUnsafe(pieceBytes);
    const count = readSync(fd, piece, 0, pieceBytes, null);
    if (count === 0) return Buffer.concat(pieces);
    length += count;
    if (length > maxBytes) throw new LayerhookError('LIMIT_EXCEEDED', { what, limit: `${maxBytes} bytes` });
    pieces.push(piece.subarray(0, count));
  }
}
