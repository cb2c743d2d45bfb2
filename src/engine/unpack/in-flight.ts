/** Promises that may be pending at the same time, but no more than `limit`. */
export class InFlight {
  readonly #limit: number;
  readonly #pending = new Set<Promise<void>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when another one may be added. */
  async room(): Promise<void> {
    while (this.#pending.size >= this.#limit) await Promise.race(this.#pending);
  }

  /** @returns the promise itself; whoever gets it handles its failure */
  add<T>(promise: Promise<T>): Promise<T> {
    const settled: Promise<void> = promise
      .then(
        () => {},
        () => {},
      )
      .finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
    return promise;
  }
}
