import type { Store } from '../store/types.js';

/** Writes a store to its disk a while after commits, so that a power loss costs little and no commit waits. */
export class Flusher {
  readonly #store: Pick<Store, 'sync'>;
  readonly #delay: number;
  readonly #failed: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  /**
   * @param delay ms after a commit
   * @param failed told why a flush did not work; the next commit tries again
   */
  constructor(store: Pick<Store, 'sync'>, delay: number, failed: (error: unknown) => void) {
    this.#store = store;
    this.#delay = delay;
    this.#failed = failed;
  }

  /** There is something to be flushed. */
  committed(): void {
    this.#timer ??= setTimeout(() => void this.#flush(), this.#delay);
  }

  /** Flushes what is not yet, and ends. */
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
