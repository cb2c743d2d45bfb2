import { closeSync, constants, createReadStream, fstatSync, openSync } from 'node:fs';
import { fsError } from '../../../errors/fs-error.js';

/** Returns what errors call a tar that a command reads. */
export function nameOfTar(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** Reads a file, or standard input for `-`. @throws LayerhookError SYSTEM */
export async function* readTar(file: string): AsyncGenerator<Buffer> {
  try {
    yield* file === '-' ? process.stdin : await openTar(file);
  } catch (error) {
    throw fsError(error, `cannot read ${nameOfTar(file)}`);
  }
}

/**
 * Opens a file or a FIFO without blocking. A thread of node that waits in read(2) would keep the process alive after a
 * signal.
 */
async function openTar(file: string): Promise<AsyncIterable<Buffer>> {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    if (!fstatSync(fd).isFIFO()) return createReadStream(file, { fd });
    const { Socket } = await import('node:net');
    return new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
