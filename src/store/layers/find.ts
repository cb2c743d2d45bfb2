import { type Context, isUsable } from '../context/context.js';
import { nameOf } from '../context/name.js';
import type { ContentRecord } from '../metadata/record-types.js';
import { contentsOfChain, contentsOfDiff, getContent, getName } from '../metadata/records.js';
import type { Reader } from '../metadata/transaction.js';
import type { LayerIdentity } from '../types.js';

/** Returns the value that a path of a layer takes from the wanted lower layers. */
export type DependencyAt = (path: string) => string;

/**
 * Implements LayerStore's `find`.
 *
 * @param dependencyAt if undefined, only a layer on top of the same chain matches
 * @throws LayerhookError NO_SPACE, SYSTEM, and what `dependencyAt` throws
 */
export async function findLayer(
  context: Context,
  layer: LayerIdentity,
  parent: string,
  dependencyAt?: DependencyAt,
): Promise<boolean> {
  const { db, directories, lease } = context;
  const touched = (content: string | undefined) => content !== undefined && directories.touch(content);
  const name = nameOf(layer);
  if (await lease.use(name, () => touched(db.read((reader) => ownContent(context, reader, layer)))))
    return true;
  const shared = db.read((reader) => sharedContent(context, reader, layer, dependencyAt));
  if (shared === undefined) return false;
  const { shareContent } = await import('./share.js');
  return lease.use(name, () => touched(shared) && shareContent(context, layer, parent, shared));
}

/** Returns the content of the layer's name in this client, if it is usable. */
export function ownContent(context: Context, reader: Reader, layer: LayerIdentity): string | undefined {
  const record = getName(reader, context.client, nameOf(layer));
  if (record?.kind !== 'committed') return undefined;
  return isUsable(context, reader, record.content) ? record.content : undefined;
}

/** Returns a usable content of the layer from any client. */
export function sharedContent(
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

/** True if everything that a layer took from its lower layers is the same on top of the wanted layers. */
function holds({ layer }: ContentRecord, dependencyAt: DependencyAt): boolean {
  const dependencies = layer?.dependencies;
  return dependencies?.every(({ path, value }) => dependencyAt(path) === value) ?? false;
}
