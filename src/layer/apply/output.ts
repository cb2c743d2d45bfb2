import { writeSync } from 'node:fs';
import { fsError } from '../../errors/fs-error.js';
import { isErrno } from '../../system/errno.js';
import { writeAll } from '../../system/files.js';
import { pollWritable } from '../../system/pipe.js';
import type { StreamRequest } from './messages.js';

/** The reader of a pipe did not take the whole tar: it closed the pipe, or the `stop` of the request ended the wait. */
class ReaderEnded extends Error {
  // crosses threads by its name
  override readonly name = 'ReaderEnded';
}

/** Milliseconds between two looks at the flag that stops a wait. */
const waitMs = 50;

/** The file or pipe that gets the tar of a layer. Writes block the thread, but a wait for a reader can be stopped. */
export class TarOutput {
  readonly #fd: number;
  readonly #what: string;
  readonly #stop: Int32Array;

  constructor({ fd, what, stop }: Pick<StreamRequest, 'fd' | 'what' | 'stop'>) {
    this.#fd = fd;
    this.#what = what;
    this.#stop = new Int32Array(stop);
  }

  /** @throws ReaderEnded; LayerhookError NO_SPACE, SYSTEM */
  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      if (Atomics.load(this.#stop, 0) !== 0) throw new ReaderEnded();
      try {
        done += writeSync(this.#fd, bytes, done);
      } catch (error) {
        if (isErrno(error, 'EPIPE')) throw new ReaderEnded();
        if (!isErrno(error, 'EAGAIN')) throw fsError(error, `cannot write ${this.#what}`);
        pollWritable(this.#fd, waitMs);
      }
    }
  }
}

/** Bytes of lines that are written together. */
const pieceBytes = 64 * 1024;

/** Writes lines to a file, many together. */
export class LineWriter {
  readonly #fd: number;
  #lines = '';

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws LayerhookError NO_SPACE, SYSTEM */
  add(line: string): void {
    this.#lines += `${line}\n`;
    if (this.#lines.length >= pieceBytes) this.flush();
  }

  /** Writes the lines that wait. @throws as {@link add} */
  flush(): void {
    try {
      writeAll(this.#fd, Buffer.from(this.#lines), null);
    } catch (error) {
      throw fsError(error, 'cannot write the list of entries');
    }
    this.#lines = '';
  }
}
