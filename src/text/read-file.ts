import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/**
 * Reads a regular file. A FIFO in its place does not block.
 *
 * @throws errors of node:fs; Error whose message completes "cannot read the file: …"
 */
export function readWholeFile(file: string | Buffer, maxBytes = Number.POSITIVE_INFINITY): Buffer {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (stat.size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
