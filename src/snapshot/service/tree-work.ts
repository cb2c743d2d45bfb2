import { isLayerhookError } from '../../errors/index.js';
import type { TreeWork } from '../tree-work.js';
import type { Usage } from '../types.js';
import { TreeThread } from './tree-thread.js';

/**
 * Measures and deletes trees in threads, so that calls are answered meanwhile: one for each, since who asks what a
 * snapshot takes should not wait until another is deleted.
 */
export class ThreadedTreeWork implements TreeWork {
  readonly measuresLater = true;
  readonly #measuring = new TreeThread();
  readonly #erasing = new TreeThread();
  readonly #failed: (error: unknown) => void;

  /** @param failed told why what was to be erased soon was not: cleanup will try again */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  measure(path: string): Promise<Usage> {
    return this.#measuring.do({ task: 'measure', path }) as Promise<Usage>;
  }

  erase(paths: string[]): void {
    this.eraseAll(paths).catch((error) => {
      // the service has ended first
      if (!isLayerhookError(error, 'ABORTED')) this.#failed(error);
    });
  }

  async eraseAll(paths: string[]): Promise<void> {
    await Promise.all(paths.map((path) => this.#erasing.do({ task: 'erase', path })));
  }

  async close(): Promise<void> {
    await Promise.all([this.#measuring.close(), this.#erasing.close()]);
  }
}
