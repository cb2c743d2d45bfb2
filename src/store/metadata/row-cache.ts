import type { Reader, Writer } from './transaction.js';

/** number of rows to keep; above it, the cache is cleared */
const rowLimit = 20_000;

/**
 * Caches the rows that write transactions read: a snapshot on top of a hundred layers reads all their rows each time. The
 * rows are valid while no other process writes, which the transaction numbers show. Callers must not change the values.
 * Each of 300 snapshots on a hundred layers took 0.95 ms of CPU with the cache and 1.8 ms without (node 24, 6 pairs).
 */
export class RowCache {
  readonly #rows = new Map<string, unknown>();
  /** number of the last transaction whose result the rows reflect */
  #last = Number.NaN;
  #puts = 0;
  #deletes = 0;

  /** Returns a writer that reads through the cache, for use inside {@link during}. */
  viewOf(writer: Writer): Writer {
    return {
      get: (key) => this.#get(writer, key),
      range: (prefix) => writer.range(prefix),
      put: (key, value) => {
        this.#puts += 1;
        this.#rows.delete(key);
        writer.put(key, value);
      },
      delete: (key) => {
        this.#deletes += 1;
        this.#rows.delete(key);
        writer.delete(key);
      },
    };
  }

  /**
   * Runs the action of a transaction.
   *
   * @param number of the transaction: one more than the number of the last transaction that changed something
   */
  during<T>(number: number, action: () => T): T {
    if (number !== this.#last + 1 || this.#rows.size > rowLimit) this.#rows.clear();
    this.#last = Number.NaN;
    this.#puts = this.#deletes = 0;
    const result = action();
    if (this.#puts > 0) this.#last = number;
    // deletes alone may have changed nothing, which leaves the next number unknown: the cache starts over
    else if (this.#deletes === 0) this.#last = number - 1;
    return result;
  }

  #get(reader: Reader, key: string): unknown {
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const value = reader.get(key);
    if (value !== undefined) this.#rows.set(key, value);
    return value;
  }
}
