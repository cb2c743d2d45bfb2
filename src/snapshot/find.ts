import { type Context, isTrusted } from './context.js';
import { labelsOfLayer } from './labels.js';
import type { Reader, Writer } from './metadata/database.js';
import {
  type ContentRecord,
  contentsOfChain,
  contentsOfDiff,
  findContent,
  getContent,
  getName,
  type NameRecord,
  putContent,
  putName,
} from './metadata/records.js';
import { nameOf, supersede } from './supersede.js';
import type { LayerIdentity } from './types.js';

/** What a path of a layer takes from the layers below, on top of which it is wanted. */
export type DependencyAt = (path: string) => string;

/** As LayerStore's `find`. @throws LayerhookError NO_SPACE, SYSTEM, and what `dependencyAt` throws */
export function findLayer(
  context: Context,
  layer: LayerIdentity,
  parent: string,
  dependencyAt: DependencyAt | undefined,
): boolean {
  const { db, directories } = context;
  const own = db.read((reader) => ownContent(context, reader, layer));
  if (own !== undefined && directories.touch(own)) return true;
  const shared = db.read((reader) => sharedContent(context, reader, layer, dependencyAt));
  return shared !== undefined && directories.touch(shared) && share(context, layer, parent, shared);
}

/** The content that the layer's name has for this client, if it can be used. */
export function ownContent(context: Context, reader: Reader, layer: LayerIdentity): string | undefined {
  const record = getName(reader, context.client, nameOf(layer));
  if (record?.kind !== 'committed') return undefined;
  return isTrusted(context, getContent(reader, record.content)) ? record.content : undefined;
}

/** A content that is the layer, whoever has it. */
function sharedContent(
  context: Context,
  reader: Reader,
  { chainID, diffID, map }: LayerIdentity,
  dependencyAt: DependencyAt | undefined,
): string | undefined {
  const usable = (content: string) => isUsable(context, reader, content);
  const same = contentsOfChain(reader, chainID, map).find(usable);
  if (same !== undefined || dependencyAt === undefined) return same;
  return contentsOfDiff(reader, diffID, map).find(
    (content) => usable(content) && holds(getContent(reader, content), dependencyAt),
  );
}

function isUsable(context: Context, reader: Reader, content: string): boolean {
  return isTrusted(context, getContent(reader, content)) && context.directories.exists(content);
}

/** Whether what a layer took from below is the same on top of other layers. */
function holds({ layer }: ContentRecord, dependencyAt: DependencyAt): boolean {
  const dependencies = layer?.dependencies;
  return dependencies?.every(({ path, value }) => dependencyAt(path) === value) ?? false;
}

/** Gives a content its name as a layer of this client; false if the content, or the parent, has gone meanwhile. */
function share(context: Context, layer: LayerIdentity, parent: string, content: string): boolean {
  const { db, client, directories } = context;
  const freed = db.write((writer) => {
    const record = findContent(writer, content);
    if (record === undefined || !isTrusted(context, record)) return undefined;
    if (parent !== '' && getName(writer, client, parent)?.kind !== 'committed') return undefined;
    return supersede(context, writer, layer, () => {
      pointTo(context, writer, layer, parent, content, record);
      return content;
    });
  });
  for (const old of freed ?? []) directories.discard(old);
  return freed !== undefined;
}

/** Makes the layer's name, and notes the chain that the content has been found to be the top of. */
function pointTo(
  { client }: Context,
  writer: Writer,
  layer: LayerIdentity,
  parent: string,
  content: string,
  record: ContentRecord,
): void {
  const created = Date.now();
  const labels = labelsOfLayer(layer);
  const name: NameRecord = { kind: 'committed', parent, content, labels, created, updated: created };
  putName(writer, client, nameOf(layer), name);
  if (record.layer && !record.layer.chainIDs.includes(layer.chainID)) {
    const chainIDs = [...record.layer.chainIDs, layer.chainID];
    putContent(writer, content, { ...record, layer: { ...record.layer, chainIDs } });
  }
}
