import type { Worker } from 'node:worker_threads';
import { LayerhookError } from '../errors/index.js';
import { receiveError, type TransferredError } from '../errors/transfer.js';
import { treeThreadFile } from '../places.js';
import type { Usage } from '../store/types.js';
import { startThread } from '../system/thread.js';

/** A task of the thread. */
export type TreeTask =
  | { measureAll: string[] }
  | { measureLayer: string }
  | { imageOf: string; image: string }
  | { erase: string[] };

/** Usage of measured trees; null for a missing tree. */
export type Usages = (Usage | null)[];

export type TreeAnswer = { usages: Usages } | { error: TransferredError };

/** A thread that runs one task after the other. The first task starts it; it does not keep the process alive. */
export class TreeThread {
  #worker: Worker | undefined;
  /** one number shared with the thread: 1 tells it to skip tasks that have not begun */
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  #last: Promise<unknown> = Promise.resolve();
  #closing = false;
  /** rejects the current task */
  #fail: (reason: unknown) => void = () => {};

  /** @throws LayerhookError SNAPSHOT_ARGUMENT; SYSTEM, also if it cannot start; ABORTED if the thread is closed before */
  do(task: TreeTask): Promise<Usages> {
    const done = this.#last.then(() => this.#ask(task));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Waits for the current tree, skips the others, and ends the thread. A thread that is ended in a tree would keep its locks. */
  async close(): Promise<void> {
    this.#closing = true;
    Atomics.store(this.#stop, 0, 1);
    await this.#last;
    await this.#worker?.terminate();
  }

  async #ask(task: TreeTask): Promise<Usages> {
    if (this.#closing) throw new LayerhookError('ABORTED', { what: 'work on the store' });
    this.#worker ??= this.#start();
    const answer = await this.#answer(this.#worker, task);
    if ('error' in answer) throw receiveError(answer.error);
    return answer.usages;
  }

  #start(): Worker {
    const worker = startThread(treeThreadFile, {
      what: 'measuring and removing trees',
      onEnd: (reason) => {
        // the next task starts another thread
        this.#worker = undefined;
        this.#fail(reason);
      },
      // descriptors are opened and closed through libc, so node cannot track them
      trackUnmanagedFds: false,
      workerData: this.#stop,
    });
    worker.unref();
    return worker;
  }

  /** @throws the error that ended the thread */
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
