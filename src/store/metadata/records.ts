import { partsOf, rowKey, rowsPrefix } from './keys.js';
import type { ContentRecord, NameRecord, Owner } from './record-types.js';
import { contentRecord, layerRowsOf, nameRecord, unknownContent } from './restore.js';
import type { Reader, Writer } from './transaction.js';

export function getName(reader: Reader, client: string, name: string): NameRecord | undefined {
  const value = reader.get(rowKey('name', client, name));
  return value === undefined ? undefined : nameRecord(reader, { client, name }, value);
}

/** Creates or replaces a name, with the rows that find it. */
export function putName(writer: Writer, client: string, name: string, record: NameRecord): void {
  deleteName(writer, client, name);
  writer.put(rowKey('name', client, name), record);
  writer.put(rowKey('use', record.content, client, name), 0);
  if (record.parent !== '') writer.put(rowKey('child', client, record.parent, name), 0);
}

export function deleteName(writer: Writer, client: string, name: string): void {
  const record = getName(writer, client, name);
  if (record === undefined) return;
  writer.delete(rowKey('name', client, name));
  writer.delete(rowKey('use', record.content, client, name));
  if (record.parent !== '') writer.delete(rowKey('child', client, record.parent, name));
}

/** Yields the names of a client, or of all clients. */
export function* names(reader: Reader, client?: string): Generator<[Owner, NameRecord]> {
  const prefix = client === undefined ? rowsPrefix('name') : rowsPrefix('name', client);
  for (const [key, value] of reader.range(prefix)) {
    const [of, name] = partsOf(key);
    const owner = { client: of!, name: name! };
    yield [owner, nameRecord(reader, owner, value)];
  }
}

export function children(reader: Reader, client: string, parent: string): string[] {
  return [...reader.range(rowsPrefix('child', client, parent))].map(([key]) => partsOf(key)[2]!);
}

/** Returns the names that point to a content. */
export function usersOf(reader: Reader, content: string): Owner[] {
  return [...reader.range(rowsPrefix('use', content))].map(([key]) => {
    const [, client, name] = partsOf(key);
    return { client: client!, name: name! };
  });
}

/** Returns the record of a content that has a name; a damaged record if it is missing. */
export function getContent(reader: Reader, content: string): ContentRecord {
  return findContent(reader, content) ?? unknownContent;
}

export function findContent(reader: Reader, content: string): ContentRecord | undefined {
  const value = reader.get(rowKey('content', content));
  return value === undefined ? undefined : contentRecord(value);
}

/** Creates or replaces a content, with the rows that find its layer. */
export function putContent(writer: Writer, content: string, record: ContentRecord): void {
  writer.put(rowKey('content', content), record);
  for (const key of layerRows(content, record)) writer.put(key, 0);
}

export function deleteContent(writer: Writer, content: string): void {
  const record = getContent(writer, content);
  writer.delete(rowKey('content', content));
  const rows = record === unknownContent ? layerRowsOf(writer, content) : layerRows(content, record);
  for (const key of rows) writer.delete(key);
}

export function* contents(reader: Reader): Generator<[content: string, ContentRecord]> {
  for (const [key, value] of reader.range(rowsPrefix('content'))) {
    yield [partsOf(key)[0]!, contentRecord(value)];
  }
}

/** Returns the contents of the layer with this chainID. */
export function contentsOfChain(reader: Reader, chainID: string, map: string): string[] {
  return [...reader.range(rowsPrefix('chain', chainID, map))].map(([key]) => partsOf(key)[2]!);
}

/** Returns the contents of the layer with this diffID, on top of any lower layers. */
export function contentsOfDiff(reader: Reader, diffID: string, map: string): string[] {
  return [...reader.range(rowsPrefix('diff', diffID, map))].map(([key]) => partsOf(key)[2]!);
}

/** Records that the directory of a content without names must stay for the mounts of this boot. */
export function retire(writer: Writer, content: string, boot: string): void {
  writer.put(rowKey('retired', content), boot);
}

export function unretire(writer: Writer, content: string): void {
  writer.delete(rowKey('retired', content));
}

/** Returns the retired contents, each with the boot that retired it. */
export function retired(reader: Reader): [content: string, boot: unknown][] {
  return [...reader.range(rowsPrefix('retired'))].map(([key, boot]) => [partsOf(key)[0]!, boot]);
}

/** Returns a new content number, never used before. */
export function nextContent(writer: Writer): string {
  const last = writer.get(rowKey('sequence')) ?? highestContent(writer);
  const number = Number(last) + 1;
  writer.put(rowKey('sequence'), number);
  return String(number);
}

function highestContent(reader: Reader): number {
  const numbers = [...contents(reader)].map(([content]) => Number(content));
  return numbers.reduce((highest, number) => Math.max(highest, number), 0);
}

function layerRows(content: string, { layer }: ContentRecord): string[] {
  if (layer === undefined) return [];
  const { diffID, map, chainIDs } = layer;
  const chains = chainIDs.map((chainID) => rowKey('chain', chainID, map, content));
  return diffID === '' ? chains : [...chains, rowKey('diff', diffID, map, content)];
}
