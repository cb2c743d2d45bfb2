import { constants, fstatSync, openSync } from 'node:fs';
import { counted } from '../errors/counted.js';
import { isLayerhookError, limitTable } from '../errors/index.js';
import { close } from '../system/close.js';
import { readUpTo } from '../system/read-up-to.js';

/**
 * Reads a regular file. A FIFO in its place does not block.
 *
 * @param maxBytes default: that of JSON documents, 8 MiB
 * @throws errors of node:fs; Error whose message completes "cannot read the file: …"
 */
export function readWholeFile(file: string | Buffer, maxBytes: number = limitTable.json.default): Buffer {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    if (!fstatSync(fd).isFile()) throw new Error('it is not a regular file');
    return readUpTo(fd, String(file), maxBytes);
  } catch (error) {
    if (!isLayerhookError(error, 'LIMIT_EXCEEDED')) throw error;
    throw new Error(`it is larger than ${counted(maxBytes, 'bytes')}`, { cause: error });
  } finally {
    close(fd);
  }
}
