import { LayerhookError } from '../../errors/index.js';

/** LMDB's limit with pages of 4096 bytes, less a margin for what we put around names. */
const maxKeyBytes = 1900;

/** What the metadata holds, by the first byte of its keys. */
export type Table = 'name' | 'child' | 'content' | 'use' | 'chain' | 'diff' | 'retired' | 'sequence';

const tables: Readonly<Record<Table, string>> = {
  /** client, name → NameRecord */
  name: 'n',
  /** client, parent, child: the names that have a parent */
  child: 'p',
  /** content → ContentRecord */
  content: 'c',
  /** content, client, name: who points to a content */
  use: 'u',
  /** chainID, map, content: layers on top of all below them */
  chain: 'x',
  /** diffID, map, content: layers by what is in them */
  diff: 'd',
  /** content → boot id: replaced, but mounts may still need its directory */
  retired: 'r',
  /** the number that the last content has got */
  sequence: 's',
};

const separator = '\0';

/**
 * The key of a row. Keys sort as the bytes of their parts do.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT for a part that has a NUL, or parts that are too long together
 */
export function rowKey(table: Table, ...parts: string[]): Buffer {
  const bad = parts.find((part) => part.includes(separator));
  if (bad !== undefined) throw badName(bad, 'it has a NUL');
  const key = Buffer.from([tables[table], ...parts].join(separator), 'utf8');
  if (key.length > maxKeyBytes) throw badName(parts.join(' '), `it is longer than ${maxKeyBytes} bytes`);
  return key;
}

/** What the keys of all rows of a table with these first parts begin with. */
export function rowsPrefix(table: Table, ...parts: string[]): Buffer {
  return rowKey(table, ...parts, '');
}

/** The parts that {@link rowKey} was given, without the table. */
export function partsOf(key: Buffer): string[] {
  return key.toString('utf8').split(separator).slice(1);
}

function badName(name: string, reason: string): LayerhookError {
  return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `snapshot name ${name.slice(0, 80)}`, reason });
}
