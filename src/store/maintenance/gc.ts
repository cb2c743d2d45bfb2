import type { OnProgress } from '../../system/work-progress.js';
import type { Context } from '../context/context.js';
import { whileUnused } from '../context/lease.js';
import { children, getContent, names, usersOf } from '../metadata/records.js';
import type { Reader, Writer } from '../metadata/transaction.js';
import { removeName } from '../snapshots/remove.js';
import type { GarbagePolicy, GarbageResult } from '../types.js';

/** A snapshot with this label stays, with its ancestors: containerd's label for the roots of garbage collection. */
const rootLabel = 'containerd.io/gc.root';

/** A layer to remove, and the number of its files, at least 1. */
type Removed = GarbageResult['removed'][number] & { files: number };

/** Implements Store's `gc`. @throws LayerhookError NO_SPACE, SYSTEM */
export async function collectGarbage(context: Context, policy: GarbagePolicy = {}): Promise<GarbageResult> {
  const { db } = context;
  const removed = await whileUnused(context, (used) => {
    const select = (reader: Reader) => selectGarbage(context, reader, used, policy);
    if (policy.dryRun) return db.read(select);
    return db.writeToFree((writer) => remove(context, writer, select(writer)));
  });
  const freed = removed.filter((layer) => layer.freed);
  if (!policy.dryRun) free(context, freed, policy.onFreed);
  return {
    removed: removed.map(({ files: _, ...layer }) => layer),
    bytes: sumOf(freed.map(({ bytes }) => bytes)),
  };
}

/** Removes the files of layers that have no record any longer. */
function free({ directories }: Context, layers: Removed[], onFreed: OnProgress = () => {}): void {
  const total = sumOf(layers.map(({ files }) => files));
  const before = { files: 0, bytes: 0 };
  const tell = (files: number, bytes: number) => onFreed({ done: files, total, bytes, entries: files });
  tell(0, 0);
  directories.remove(
    layers.map(({ id }) => id),
    (at, removed = Number.POSITIVE_INFINITY) => {
      const { files, bytes } = layers[at]!;
      // a layer has more names than inodes if it has hardlinks
      const share = Math.min(1, removed / files);
      tell(before.files + Math.floor(files * share), before.bytes + Math.floor(bytes * share));
      if (removed !== Number.POSITIVE_INFINITY) return;
      before.files += files;
      before.bytes += bytes;
    },
  );
}

function remove(context: Context, writer: Writer, selected: Removed[]): Removed[] {
  for (const { name } of selected) removeName(context, writer, name);
  return selected;
}

/**
 * Returns the layers of this client to free, in this order.
 *
 * @param used names of layers that stay
 */
function selectGarbage(
  context: Context,
  reader: Reader,
  used: ReadonlySet<string>,
  { unusedFor = 0, keepBytes = 0 }: GarbagePolicy,
): Removed[] {
  const before = unusedFor > 0 ? Date.now() - unusedFor : Number.POSITIVE_INFINITY;
  const selected: Removed[] = [];
  const layers = layersOf(context, reader);
  let bytes = sumOf([...new Map([...layers.values()].map((layer) => [layer.id, layer.bytes])).values()]);
  const candidates = [...layers.values()].filter((layer) => layer.above === 0);
  while (candidates.length > 0 && (keepBytes === 0 || bytes > keepBytes)) {
    const layer = takeOldest(candidates);
    if (layer.isRoot || used.has(layer.name) || layer.lastUsed >= before) continue;
    const freed = --layer.content.names === 0;
    if (freed) bytes -= layer.bytes;
    selected.push({ name: layer.name, id: layer.id, bytes: layer.bytes, freed, files: layer.files });
    const below = layers.get(layer.parent);
    if (below !== undefined && --below.above === 0) candidates.push(below);
  }
  return selected;
}

interface Layer {
  name: string;
  parent: string;
  id: string;
  bytes: number;
  files: number;
  lastUsed: number;
  isRoot: boolean;
  /** number of remaining snapshots directly on top of it */
  above: number;
  /** number of remaining names of the content, of all clients; all names of the content share this object */
  content: { names: number };
}

function layersOf({ client, directories }: Context, reader: Reader): Map<string, Layer> {
  const layers = new Map<string, Layer>();
  const shared = new Map<string, Layer['content']>();
  for (const [{ name }, { kind, parent, content: id, labels }] of names(reader, client)) {
    if (kind !== 'committed') continue;
    const content = shared.get(id) ?? { names: usersOf(reader, id).length };
    shared.set(id, content);
    const { size = 0, inodes = 0 } = getContent(reader, id).usage ?? {};
    layers.set(name, {
      name,
      parent,
      id,
      bytes: size,
      files: Math.max(1, inodes),
      lastUsed: directories.lastUsed(id),
      isRoot: rootLabel in labels,
      above: children(reader, client, name).length,
      content,
    });
  }
  return layers;
}

function takeOldest(layers: Layer[]): Layer {
  const oldest = layers.reduce((a, b) => (b.lastUsed < a.lastUsed ? b : a));
  layers.splice(layers.indexOf(oldest), 1);
  return oldest;
}

function sumOf(numbers: number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
