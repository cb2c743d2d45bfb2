/** A transaction's view of the metadata: sorted bytes, each with a JSON value; null for one that cannot be read. */
export interface Reader {
  /** undefined if there is none */
  get(key: Buffer): unknown;
  /** keys that begin with `prefix`, sorted, with their values; what it goes over must not be changed meanwhile */
  range(prefix: Buffer): Iterable<[key: Buffer, value: unknown]>;
}

export interface Writer extends Reader {
  put(key: Buffer, value: unknown): void;
  delete(key: Buffer): void;
}
