/** A set of at most `limit` pending promises. */
export class InFlight {
  readonly #limit: number;
  readonly #pending = new Set<Promise<void>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when there is room for another promise. */
  async room(): Promise<void> {
    while (this.#pending.size >= this.#limit) await Promise.race(this.#pending);
  }

  /** @returns the promise itself; the caller handles its failure */
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
