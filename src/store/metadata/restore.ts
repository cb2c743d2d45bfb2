import { isObject } from '../../text/is-object.js';
import { partsOf, rowsPrefix } from './keys.js';
import type { ContentRecord, NameRecord, Owner } from './record-types.js';
import type { Reader } from './transaction.js';

/**
 * Replacements for damaged records, so that one damaged record does not block the others: its snapshot is visible and can
 * be removed, but not used.
 */

const damagedRecord = 'its record in the metadata is damaged';

/** The content of a name whose content is unknown: a number without a directory. */
const noContent = 'none';

/** The record of a content whose own record is missing or damaged. */
export const unknownContent: Readonly<ContentRecord> = {
  created: 0,
  boot: '',
  flushed: false,
  usage: { size: 0, inodes: 0 },
  damaged: damagedRecord,
};

/** Returns a stored value as the record of a content, or the replacement for a damaged one. */
export function contentRecord(value: unknown): ContentRecord {
  const is = isObject(value) && typeof value.created === 'number' && typeof value.boot === 'string';
  return is ? (value as unknown as ContentRecord) : unknownContent;
}

/** Returns a stored value as the record of a name; a damaged one is restored from other rows. */
export function nameRecord(reader: Reader, owner: Owner, value: unknown): NameRecord {
  return isNameRecord(value) ? value : restored(reader, owner);
}

function isNameRecord(value: unknown): value is NameRecord {
  if (!isObject(value) || !isObject(value.labels)) return false;
  const { kind, content, parent } = value;
  const isKind = kind === 'committed' || kind === 'active' || kind === 'view';
  // the content becomes the name of a directory that may be removed: accept only numbers
  return isKind && typeof parent === 'string' && typeof content === 'string' && /^\d+$/.test(content);
}

function restored(reader: Reader, { client, name }: Owner): NameRecord {
  const uses = rowsWith(reader, rowsPrefix('use'), ([, of, by]) => of === client && by === name);
  const above = rowsWith(reader, rowsPrefix('child', client), ([, , child]) => child === name);
  return {
    kind: 'committed',
    parent: above[0]?.[1] ?? '',
    content: uses[0]?.[0] ?? noContent,
    labels: {},
    created: 0,
    updated: 0,
    lost: true,
  };
}

/** Returns the rows that find the layer of a content whose own record is damaged. */
export function layerRowsOf(reader: Reader, content: string): string[] {
  const tables = [rowsPrefix('chain'), rowsPrefix('diff')];
  return tables.flatMap((prefix) =>
    [...reader.range(prefix)].map(([key]) => key).filter((key) => partsOf(key).at(-1) === content),
  );
}

function rowsWith(reader: Reader, prefix: string, matches: (parts: string[]) => boolean): string[][] {
  return [...reader.range(prefix)].map(([key]) => partsOf(key)).filter(matches);
}
