import { createReadStream } from 'node:fs';
import { fsError } from '../../../errors/fs-error.js';

/** Returns what errors call a tar that a command reads. */
export function nameOfTar(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** Reads a file, or standard input for `-`. @throws LayerhookError SYSTEM */
export async function* readTar(file: string): AsyncGenerator<Buffer> {
  try {
    yield* file === '-' ? process.stdin : createReadStream(file);
  } catch (error) {
    throw fsError(error, `cannot read ${nameOfTar(file)}`);
  }
}
