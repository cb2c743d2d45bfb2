import type { Store } from '../store/types.js';

/** Flushes a store to disk a short time after commits, so that a power loss costs little and no commit waits. */
export class Flusher {
  readonly #store: Pick<Store, 'sync'>;
  readonly #delay: number;
  readonly #failed: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  /**
   * @param delay ms after a commit
   * @param failed gets the error of a failed flush; the next commit tries again
   */
  constructor(store: Pick<Store, 'sync'>, delay: number, failed: (error: unknown) => void) {
    this.#store = store;
    this.#delay = delay;
    this.#failed = failed;
  }

  /** Schedules a flush after a commit. */
  committed(): void {
    this.#timer ??= setTimeout(() => void this.#flush(), this.#delay);
  }

  /** Runs a scheduled flush now, and waits for it. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#flush();
    await this.#running;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#running.then(() => this.#store.sync()).catch(this.#failed);
  }
}
