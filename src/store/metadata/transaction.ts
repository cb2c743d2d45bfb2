/** A transaction's view of the metadata: keys of rows in byte order, each with a JSON value; null for a damaged value. */
export interface Reader {
  /** Returns the value of a key; undefined if the key is missing. */
  get(key: string): unknown;
  /** Yields the keys that begin with `prefix`, sorted, with their values. The caller must not change them meanwhile. */
  range(prefix: string): Iterable<[key: string, value: unknown]>;
}

export interface Writer extends Reader {
  put(key: string, value: unknown): void;
  delete(key: string): void;
}
