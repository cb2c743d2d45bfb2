/** A transaction's view of the metadata: keys in byte order, each with a JSON value; null for a damaged value. */
export interface Reader {
  /** Returns the value of a key; undefined if the key is missing. */
  get(key: Buffer): unknown;
  /** Yields the keys that begin with `prefix`, sorted, with their values. The caller must not change them meanwhile. */
  range(prefix: Buffer): Iterable<[key: Buffer, value: unknown]>;
}

export interface Writer extends Reader {
  put(key: Buffer, value: unknown): void;
  delete(key: Buffer): void;
}
