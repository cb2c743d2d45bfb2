import { isObject } from '../../text/is-object.js';
import { partsOf, rowsPrefix } from './keys.js';
import type { ContentRecord, NameRecord, Owner } from './record-types.js';
import type { Reader } from './transaction.js';

/**
 * What stands for records that a disk has spoiled, so that one keeps nobody from the others: it is seen, and can be
 * removed, but not used.
 */

const lostRecord = 'its record in the metadata is lost';

/** The content of a name that is not told: it has no directory. */
const noContent = 'none';

/** Of a content of which nothing is known. */
export const unknownContent: Readonly<ContentRecord> = {
  created: 0,
  boot: '',
  flushed: false,
  usage: { size: 0, inodes: 0 },
  damaged: lostRecord,
};

/** A value as the record of a content that it should be. */
export function contentRecord(value: unknown): ContentRecord {
  const is = isObject(value) && typeof value.created === 'number' && typeof value.boot === 'string';
  return is ? (value as unknown as ContentRecord) : unknownContent;
}

/** A value as the record of a name that it should be; else what the rows beside it say. */
export function nameRecord(reader: Reader, owner: Owner, value: unknown): NameRecord {
  return isNameRecord(value) ? value : restored(reader, owner);
}

function isNameRecord(value: unknown): value is NameRecord {
  if (!isObject(value) || !isObject(value.labels)) return false;
  const { kind, content, parent } = value;
  const isKind = kind === 'committed' || kind === 'active' || kind === 'view';
  // a directory is called so, and will be removed
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

/** The rows by which a layer is found, of a content whose own record does not tell. */
export function layerRowsOf(reader: Reader, content: string): Buffer[] {
  const tables = [rowsPrefix('chain'), rowsPrefix('diff')];
  return tables.flatMap((prefix) =>
    [...reader.range(prefix)].map(([key]) => key).filter((key) => partsOf(key).at(-1) === content),
  );
}

function rowsWith(reader: Reader, prefix: Buffer, matches: (parts: string[]) => boolean): string[][] {
  return [...reader.range(prefix)].map(([key]) => partsOf(key)).filter(matches);
}
