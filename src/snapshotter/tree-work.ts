import { isLayerhookError } from '../errors/index.js';
import type { TreeWork } from '../store/context/tree-work.js';
import type { Usage } from '../store/types.js';
import { TreeThread, type Usages } from './tree-thread.js';

/** ms to collect trees before erasing them together: waking a thread takes longer than erasing a small tree */
const pause = 20;

/**
 * Measures and deletes trees, and makes images of them, in threads, so that the server answers calls meanwhile. Each kind of
 * work has a thread of its own, so that none waits for deletions.
 */
export class ThreadedTreeWork implements TreeWork {
  readonly measuresLater = true;
  readonly #measuring = new TreeThread();
  readonly #imaging = new TreeThread();
  readonly #erasing = new TreeThread();
  readonly #due: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #failed: (error: unknown) => void;

  /** @param failed gets the error of a failed background deletion; cleanup tries again */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  async measure(path: string): Promise<Usage> {
    const [usage] = await this.measureAll([path]);
    return usage ?? { size: 0, inodes: 0 };
  }

  measureAll(paths: string[]): Promise<Usages> {
    return this.#measuring.do({ measureAll: paths });
  }

  async measureLayer(path: string): Promise<Usage> {
    const [usage] = await this.#measuring.do({ measureLayer: path });
    return usage!;
  }

  async image(path: string, image: string): Promise<void> {
    await this.#imaging.do({ imageOf: path, image });
  }

  erase(path: string): void {
    this.#due.push(path);
    this.#timer ??= setTimeout(() => this.#eraseDue(), pause);
  }

  async eraseAll(paths: string[]): Promise<void> {
    await this.#erasing.do({ erase: paths });
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all([this.#measuring.close(), this.#imaging.close(), this.#erasing.close()]);
  }

  #eraseDue(): void {
    this.#timer = undefined;
    this.eraseAll(this.#due.splice(0)).catch((error) => {
      // the service ended before
      if (!isLayerhookError(error, 'ABORTED')) this.#failed(error);
    });
  }
}
