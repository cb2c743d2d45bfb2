import { createReadStream, fstatSync } from 'node:fs';
import { fsError } from '../../../errors/fs-error.js';
import { close } from '../../../system/close.js';
import { SystemError } from '../../../system/errno.js';
import { openInput, pipeOf } from '../../files/input.js';

/** Returns what errors call a tar that a command reads. */
export function nameOfTar(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** Reads a file, or standard input for `-`. @throws LayerhookError SYSTEM */
export async function* readTar(file: string): AsyncGenerator<Buffer> {
  try {
    yield* file === '-' ? standardInput() : await openTar(file);
  } catch (error) {
    throw fsError(error, `cannot read ${nameOfTar(file)}`);
  }
}

/** Node takes a directory for an empty input. */
function standardInput(): AsyncIterable<Buffer> {
  if (fstatSync(0).isDirectory()) throw new SystemError('EISDIR', 'read', 'standard input');
  return process.stdin;
}

/** Opens a regular file, a device, or a FIFO, whose writer may come later. */
async function openTar(file: string): Promise<AsyncIterable<Buffer>> {
  const fd = openInput(file);
  try {
    return fstatSync(fd).isFIFO() ? await pipeOf(fd) : createReadStream(file, { fd });
  } catch (error) {
    close(fd);
    throw error;
  }
}
