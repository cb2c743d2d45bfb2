import { receiveError } from '../../errors/transfer.js';
import { applyThreadFile } from '../../places.js';
import { startThread } from '../../system/thread.js';
import type { ApplyMessage, ApplyRequest, Reply, Requested } from './messages.js';

interface Pending {
  resolve(reply: Reply<ApplyRequest>): void;
  reject(error: unknown): void;
}

/** A thread that applies layers, one after the other. */
export class ApplyThread {
  readonly #worker = startThread(applyThreadFile, {
    what: 'applying layers',
    onEnd: (reason) => this.#failAll(reason),
    // libc opens and closes file descriptors that node does not know
    trackUnmanagedFds: false,
  });
  readonly #pending = new Map<number, Pending>();
  /** resolves when the thread has loaded its modules, or has ended */
  readonly #loaded: Promise<unknown>;
  #last: Promise<unknown> = Promise.resolve();
  readonly #onWarning: (warning: string) => void;
  #lastID = 0;
  #deadline: NodeJS.Timeout | undefined;
  /** why the thread has ended */
  #failure: { reason: unknown } | undefined;

  /** @throws LayerhookError SYSTEM if the thread cannot start */
  constructor(onWarning: (warning: string) => void) {
    this.#onWarning = onWarning;
    this.#loaded = new Promise((resolve) => {
      this.#worker.once('message', resolve);
      this.#worker.once('exit', resolve);
    });
    this.#worker.on('message', (message: ApplyMessage) => this.#receive(message));
  }

  /** Number of unanswered requests. */
  get load(): number {
    return this.#pending.size;
  }

  request<R extends Requested<ApplyRequest>>(request: R): Promise<Reply<R>> {
    const id = ++this.#lastID;
    const answer = new Promise<Reply<R>>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject });
      this.#worker.postMessage({ ...request, id });
    });
    if (this.#failure) this.#failAll(this.#failure.reason);
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Ends the thread after it has answered all requests. To stop it sooner, fail the rings that it reads. */
  async close(): Promise<void> {
    await this.#last;
    clearTimeout(this.#deadline);
    await this.#end();
  }

  /** Ends the thread if it does not answer all requests within this time; unanswered requests fail. */
  endWithin(milliseconds: number): void {
    if (this.load === 0) return;
    this.#deadline = setTimeout(() => void this.#end(), milliseconds);
  }

  async #end(): Promise<void> {
    // koffi crashes the whole process if its thread ends while it declares functions
    await this.#loaded;
    await this.#worker.terminate();
  }

  #receive(message: ApplyMessage): void {
    if ('loaded' in message) return;
    if ('warning' in message) {
      this.#onWarning(message.warning);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (this.load === 0) clearTimeout(this.#deadline);
    if ('error' in message) pending?.reject(receiveError(message.error));
    else pending?.resolve(message.reply);
  }

  /** The thread has ended: fails all unanswered and all later requests. */
  #failAll(reason: unknown): void {
    this.#failure ??= { reason };
    for (const { reject } of this.#pending.values()) reject(this.#failure.reason);
    this.#pending.clear();
  }
}
