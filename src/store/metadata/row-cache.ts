import type { Reader, Writer } from './transaction.js';

/** rows that are kept; when there are more, it begins anew */
const rowLimit = 20_000;

/**
 * Rows that write transactions have read, for the next ones: who puts a snapshot on top of a hundred layers reads all their
 * rows each time. They hold while nobody else writes, as the numbers of transactions tell. What it gives must not be changed.
 */
export class RowCache {
  readonly #rows = new Map<string, unknown>();
  /** number of the last transaction that the rows show */
  #last = Number.NaN;
  #puts = 0;
  #deletes = 0;

  /** A view of what `writer` writes, for {@link during}. */
  viewOf(writer: Writer): Writer {
    return {
      get: (key) => this.#get(writer, key),
      range: (prefix) => writer.range(prefix),
      put: (key, value) => {
        this.#puts += 1;
        this.#rows.delete(nameOf(key));
        writer.put(key, value);
      },
      delete: (key) => {
        this.#deletes += 1;
        this.#rows.delete(nameOf(key));
        writer.delete(key);
      },
    };
  }

  /**
   * Runs what is done in a transaction.
   *
   * @param number of the transaction, which is one more than that of the last that has changed something
   */
  during<T>(number: number, action: () => T): T {
    if (number !== this.#last + 1 || this.#rows.size > rowLimit) this.#rows.clear();
    this.#last = Number.NaN;
    this.#puts = this.#deletes = 0;
    const result = action();
    if (this.#puts > 0) this.#last = number;
    // deletes of what is not there change nothing
    else if (this.#deletes === 0) this.#last = number - 1;
    return result;
  }

  #get(reader: Reader, key: Buffer): unknown {
    const name = nameOf(key);
    const known = this.#rows.get(name);
    if (known !== undefined) return known;
    const value = reader.get(key);
    if (value !== undefined) this.#rows.set(name, value);
    return value;
  }
}

function nameOf(key: Buffer): string {
  return key.toString('latin1');
}
