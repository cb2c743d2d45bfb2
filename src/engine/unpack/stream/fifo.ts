import { setTimeout as sleep } from 'node:timers/promises';
import { E } from '../../../system/errno.js';
import { close, O, S, tryOpenat } from '../../../system/files.js';
import { check } from '../../../system/libc.js';
import { StatBuffer, statAt, statFd } from '../../../system/stat.js';
import type { Deadline } from './deadline.js';
import { isReaderEnded, type Sink } from './sink.js';
import { closeTarget, removeTarget, type Target } from './target.js';

/** Milliseconds between two attempts to open a FIFO that has no reader yet. */
const retryMs = 10;

/** A FIFO, which a program of the hook reads. */
export class Fifo implements Sink {
  readonly what: string;
  readonly isFile = false;
  readonly stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #target: Target;
  readonly #deadline: Deadline;
  #fd = -1;

  /** True if the name of the target is a FIFO's. */
  static isAt({ directory, name }: Target): boolean {
    const stat = new StatBuffer();
    return statAt(directory, name, stat) && stat.type === S.IFIFO;
  }

  constructor(target: Target, deadline: Deadline) {
    this.what = target.path;
    this.#target = target;
    this.#deadline = deadline;
  }

  /** Waits for a reader, since an open that blocks could not be stopped. */
  async open(): Promise<number> {
    this.#deadline.start(() => Atomics.store(new Int32Array(this.stop), 0, 1));
    const { directory, name } = this.#target;
    const { signal } = this.#deadline;
    const flags = O.WRONLY | O.NONBLOCK | O.NOFOLLOW | O.NOCTTY;
    for (;;) {
      signal.throwIfAborted();
      const fd = tryOpenat(directory, name, flags);
      if (fd !== -E.ENXIO) return this.#keep(check(fd, 'openat', name));
      await sleep(retryMs, undefined, { signal }).catch(() => {});
    }
  }

  finish(): void {
    this.#deadline.end();
    close(this.#fd);
  }

  fail(error: unknown): unknown {
    this.#deadline.end();
    if (this.#fd >= 0) close(this.#fd);
    this.undo();
    if (this.#deadline.signal.aborted) return this.#deadline.signal.reason;
    if (!isReaderEnded(error)) return error;
    return new Error(`the reader of ${this.what} closed it before the end of the layer`, { cause: error });
  }

  undo(): void {
    removeTarget(this.#target);
    this.close();
  }

  close(): void {
    closeTarget(this.#target);
  }

  #keep(fd: number): number {
    this.#fd = fd;
    const stat = new StatBuffer();
    statFd(fd, stat);
    if (stat.type !== S.IFIFO) throw new Error(`${this.what} is no longer a FIFO`);
    return fd;
  }
}
