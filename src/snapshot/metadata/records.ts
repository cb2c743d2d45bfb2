import type { Kind, LayerDependency } from '../types.js';
import type { Reader, Writer } from './database.js';
import { partsOf, rowKey, rowsPrefix } from './keys.js';

/** A snapshot of one client. */
export interface NameRecord {
  kind: Kind;
  /** a name of the same client, or '' */
  parent: string;
  /** number of the directory */
  content: string;
  labels: Record<string, string>;
  /** ms since the epoch */
  created: number;
  updated: number;
}

/** What a layer's content is known by. */
export interface LayerRecord {
  /** '' where a client did not say */
  diffID: string;
  map: string;
  /** every chain that it has been found to be the top of */
  chainIDs: string[];
  /** what it took from below; null: not known, so that it holds for its chains only */
  dependencies: LayerDependency[] | null;
}

/** A directory, which one name or many point to. */
export interface ContentRecord {
  created: number;
  /** boot id of when it was last written */
  boot: string;
  /** known to be on disk */
  flushed: boolean;
  /** of a committed one */
  usage?: { size: number; inodes: number };
  layer?: LayerRecord;
  /** why it is not to be trusted */
  damaged?: string;
}

/** A name with the client whose it is. */
export interface Owner {
  client: string;
  name: string;
}

export function getName(reader: Reader, client: string, name: string): NameRecord | undefined {
  return reader.get<NameRecord>(rowKey('name', client, name));
}

/** Makes or replaces a name, with the rows that lead to it. */
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

/** The names of a client, or of all. */
export function* names(reader: Reader, client?: string): Generator<[Owner, NameRecord]> {
  const prefix = client === undefined ? rowsPrefix('name') : rowsPrefix('name', client);
  for (const [key, record] of reader.range<NameRecord>(prefix)) {
    const [of, name] = partsOf(key);
    yield [{ client: of!, name: name! }, record];
  }
}

export function children(reader: Reader, client: string, parent: string): string[] {
  return [...reader.range(rowsPrefix('child', client, parent))].map(([key]) => partsOf(key)[2]!);
}

/** Who points to a content. */
export function usersOf(reader: Reader, content: string): Owner[] {
  return [...reader.range(rowsPrefix('use', content))].map(([key]) => {
    const [, client, name] = partsOf(key);
    return { client: client!, name: name! };
  });
}

/** @throws Error if there is none: a name without content cannot be written */
export function getContent(reader: Reader, content: string): ContentRecord {
  const record = reader.get<ContentRecord>(rowKey('content', content));
  if (record === undefined) throw new Error(`no content ${content}`);
  return record;
}

export function findContent(reader: Reader, content: string): ContentRecord | undefined {
  return reader.get<ContentRecord>(rowKey('content', content));
}

/** Makes or replaces a content, with the rows by which its layer is found. */
export function putContent(writer: Writer, content: string, record: ContentRecord): void {
  writer.put(rowKey('content', content), record);
  for (const key of layerRows(content, record)) writer.put(key, 0);
}

export function deleteContent(writer: Writer, content: string): void {
  const record = findContent(writer, content);
  if (record === undefined) return;
  writer.delete(rowKey('content', content));
  for (const key of layerRows(content, record)) writer.delete(key);
}

export function* contents(reader: Reader): Generator<[content: string, ContentRecord]> {
  for (const [key, record] of reader.range<ContentRecord>(rowsPrefix('content'))) {
    yield [partsOf(key)[0]!, record];
  }
}

/** Contents that are the layer with this chainID. */
export function contentsOfChain(reader: Reader, chainID: string, map: string): string[] {
  return [...reader.range(rowsPrefix('chain', chainID, map))].map(([key]) => partsOf(key)[2]!);
}

/** Contents that are the layer with this diffID, on top of whatever. */
export function contentsOfDiff(reader: Reader, diffID: string, map: string): string[] {
  return [...reader.range(rowsPrefix('diff', diffID, map))].map(([key]) => partsOf(key)[2]!);
}

/** Notes that the directory of a content without names must stay for the mounts of this boot. */
export function retire(writer: Writer, content: string, boot: string): void {
  writer.put(rowKey('retired', content), boot);
}

export function unretire(writer: Writer, content: string): void {
  writer.delete(rowKey('retired', content));
}

/** What has been retired, and under which boot. */
export function retired(reader: Reader): [content: string, boot: string][] {
  return [...reader.range<string>(rowsPrefix('retired'))].map(([key, boot]) => [partsOf(key)[0]!, boot]);
}

/** A number that no content has had. */
export function nextContent(writer: Writer): string {
  const number = (writer.get<number>(rowKey('sequence')) ?? 0) + 1;
  writer.put(rowKey('sequence'), number);
  return String(number);
}

function layerRows(content: string, { layer }: ContentRecord): Buffer[] {
  if (layer === undefined) return [];
  const { diffID, map, chainIDs } = layer;
  const chains = chainIDs.map((chainID) => rowKey('chain', chainID, map, content));
  return diffID === '' ? chains : [...chains, rowKey('diff', diffID, map, content)];
}
