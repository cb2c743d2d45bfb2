import type { Worker } from 'node:worker_threads';
import { LayerhookError } from '../errors/index.js';
import { receiveError, type TransferredError } from '../errors/transfer.js';
import { treeThreadFile } from '../places.js';
import type { Usage } from '../store/types.js';
import { startThread } from '../system/thread.js';

/** Something that is to be done with trees. */
export type TreeTask = { measureAll: string[] } | { measureLayer: string } | { erase: string[] };

/** What measured trees take; null for one that is not there. */
export type Usages = (Usage | null)[];

export type TreeAnswer = { usages: Usages } | { error: TransferredError };

/** A thread that does one thing after the other. It is started by the first, and keeps no process alive. */
export class TreeThread {
  #worker: Worker | undefined;
  /** one number: 1 when what was not begun is to be left */
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  #last: Promise<unknown> = Promise.resolve();
  #closing = false;
  /** fails what it does now */
  #fail: (reason: unknown) => void = () => {};

  /** @throws LayerhookError SNAPSHOT_ARGUMENT; SYSTEM, also if it cannot start; ABORTED if the thread is closed before */
  do(task: TreeTask): Promise<Usages> {
    const done = this.#last.then(() => this.#ask(task));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Waits for what it does, and ends it: in the middle it would keep its locks. What has not begun is not done. */
  async close(): Promise<void> {
    this.#closing = true;
    Atomics.store(this.#stop, 0, 1);
    await this.#last;
    await this.#worker?.terminate();
  }

  async #ask(task: TreeTask): Promise<Usages> {
    if (this.#closing) throw new LayerhookError('ABORTED', { what: 'what was to be done in the store' });
    this.#worker ??= this.#start();
    const answer = await this.#answer(this.#worker, task);
    if ('error' in answer) throw receiveError(answer.error);
    return answer.usages;
  }

  #start(): Worker {
    const worker = startThread(treeThreadFile, {
      what: 'measuring and removing trees',
      onEnd: (reason) => {
        // the next task starts another
        this.#worker = undefined;
        this.#fail(reason);
      },
      // libc opens and closes what node would otherwise keep account of
      trackUnmanagedFds: false,
      workerData: this.#stop,
    });
    worker.unref();
    return worker;
  }

  /** @throws what the thread dies of */
  async #answer(worker: Worker, task: TreeTask): Promise<TreeAnswer> {
    try {
      return await new Promise((resolve, reject) => {
        this.#fail = reject;
        worker.once('message', resolve).ref();
        worker.postMessage(task);
      });
    } finally {
      worker.unref();
    }
  }
}
