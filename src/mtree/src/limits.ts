import { MtreeError } from './error.js';

export interface ParseOptions {
  /**
   * limit in bytes for the manifest, and for the paths of all its entries together; default 64 MiB. A manifest may have
   * one entry for 128 of these bytes, one value of `/set` for 24, and one that an entry inherits from `/set` for 4.
   * Manifests of large systems stay far below.
   */
  maxBytes?: number;
}

/**
 * Counts what a manifest describes. A few bytes of a hostile manifest can describe megabytes: each level of nested
 * directories repeats the whole path, and each `/set` and each entry repeats all values that are set.
 */
export class Budget {
  readonly #maxBytes: number;
  #entries = 0;
  #pathBytes = 0;
  #values = 0;
  #inherited = 0;

  constructor({ maxBytes = 64 * 2 ** 20 }: ParseOptions) {
    this.#maxBytes = maxBytes;
  }

  /** @throws MtreeError TOO_LARGE */
  bytes(length: number): void {
    this.#require(length, this.#maxBytes, 'bytes');
  }

  /** @param values number of values that are set, which the entry inherits @throws MtreeError TOO_LARGE */
  entry(path: string, values: number, line: number): void {
    this.#require(++this.#entries, this.#maxBytes / 128, 'entries', line);
    this.#pathBytes += path.length;
    this.#require(this.#pathBytes, this.#maxBytes, 'bytes of paths', line);
    this.#inherited += values;
    this.#require(this.#inherited, this.#maxBytes / 4, 'inherited values', line);
  }

  /** @param size number of values that are set now @throws MtreeError TOO_LARGE */
  set(size: number, line: number): void {
    this.#values += size;
    this.#require(this.#values, this.#maxBytes / 24, 'values of /set', line);
  }

  #require(actual: number, limit: number, what: string, line?: number): void {
    if (actual > limit) throw new MtreeError('TOO_LARGE', `more than ${Math.floor(limit)} ${what}`, line);
  }
}
