import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LayerBudget, layerBudget } from '../../tar/budget.js';
import type { CheckedEntry, EntryList } from '../types.js';
import { decodeEntry, isWhiteout } from './json.js';

const chunkBytes = 64 * 1024;

/** Milliseconds between two looks at a file that grows. */
const growthMs = 20;

/** The entries that a file lists, one a line. Each iteration reads the file again. */
export class EntryFile implements EntryList {
  readonly file: string;
  readonly budget: LayerBudget;
  readonly #writing: Promise<unknown>;

  /**
   * @param writing an iteration ends when it has read all that was written until this is fulfilled, and fails if this is
   *   rejected; default: the file is complete
   */
  constructor(file: string, budget = layerBudget(), writing: Promise<unknown> = Promise.resolve()) {
    this.file = file;
    this.budget = budget;
    this.#writing = writing;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CheckedEntry> {
    for await (const entries of this.batches()) yield* entries;
  }

  async *batches(only?: 'whiteouts'): AsyncGenerator<CheckedEntry[]> {
    const handle = await open(this.file);
    try {
      for await (const lines of linesOf(handle, this.#writing))
        yield (only === undefined ? lines : lines.filter(isWhiteout)).map(decodeEntry);
    } finally {
      await handle.close();
    }
  }
}

/** Gives the lines of a file, those of one chunk together. Each line must end in a newline. */
async function* linesOf(handle: FileHandle, writing: Promise<unknown>): AsyncGenerator<string[]> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let pieces: Buffer[] = [];
  for (let isWritten = false; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length);
    if (bytesRead === 0) {
      if (isWritten) return;
      isWritten = await Promise.race([writing.then(() => true), sleep(growthMs, false)]);
      continue;
    }
    const chunk = buffer.subarray(0, bytesRead);
    const end = chunk.lastIndexOf(0x0a) + 1;
    if (end > 0) {
      const text = Buffer.concat([...pieces, chunk.subarray(0, end - 1)]).toString();
      pieces = [];
      yield text.split('\n');
    }
    // a copy: the buffer is filled again
    pieces.push(Buffer.from(chunk.subarray(end)));
  }
}
