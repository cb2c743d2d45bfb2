import { LayerhookError } from '../../errors/index.js';

/** LMDB's limit with pages of 4096 bytes, less a margin for the other parts of a key. */
const maxKeyBytes = 1900;
/** maximum number of bytes of UTF-8 for one char of a string */
const maxBytesOfChar = 3;

/** The tables of the metadata; the first byte of a key names its table. */
export type Table = 'name' | 'child' | 'content' | 'use' | 'chain' | 'diff' | 'retired' | 'sequence';

const tables: Readonly<Record<Table, string>> = {
  /** client, name → NameRecord */
  name: 'n',
  /** client, parent, child: finds the children of a name */
  child: 'p',
  /** content → ContentRecord */
  content: 'c',
  /** content, client, name: finds the names of a content */
  use: 'u',
  /** chainID, map, content: finds layers by their chain */
  chain: 'x',
  /** diffID, map, content: finds layers by their own content */
  diff: 'd',
  /** content → boot ID: replaced, but mounts of that boot may still need its directory */
  retired: 'r',
  /** number of the newest content */
  sequence: 's',
};

const separator = '\0';

/**
 * Returns the key of a row as text, which the cache of rows finds faster than bytes. Half a pair of surrogates becomes U+FFFD,
 * as in the bytes: two keys are equal if their bytes are.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT if a part contains a NUL, or the key is too long
 */
export function rowKey(table: Table, ...parts: string[]): string {
  let joined = tables[table];
  for (const part of parts) {
    if (part.includes(separator)) throw badName(part, 'it contains a NUL');
    joined += separator + part;
  }
  const key = joined.toWellFormed();
  if (key.length * maxBytesOfChar > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes)
    throw badName(parts.join(' '), `it is longer than ${maxKeyBytes} bytes`);
  return key;
}

/** Returns the bytes of a key. They sort in the byte order of the key's parts. */
export function bytesOfKey(key: string): Buffer {
  return Buffer.from(key, 'utf8');
}

/** Returns the key with these bytes: the inverse of {@link bytesOfKey}. */
export function keyOfBytes(bytes: Buffer): string {
  return bytes.toString('utf8');
}

/** Returns the common prefix of the keys of a table whose first parts are these. */
export function rowsPrefix(table: Table, ...parts: string[]): string {
  return rowKey(table, ...parts, '');
}

/** Returns the parts of a key, without the table: the inverse of {@link rowKey}. */
export function partsOf(key: string): string[] {
  return key.split(separator).slice(1);
}

function badName(name: string, reason: string): LayerhookError {
  return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `snapshot name ${name.slice(0, 80)}`, reason });
}
