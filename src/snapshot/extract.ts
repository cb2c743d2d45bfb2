import { LayerhookError } from '../errors/index.js';
import { commitActive, measure } from './commit.js';
import type { Context } from './context.js';
import { createSnapshot } from './create.js';
import { findLayer, ownContent } from './find.js';
import { labelsOfLayer } from './labels.js';
import { lockFile, tryLockFile, type Unlock } from './lock.js';
import type { Writer } from './metadata/database.js';
import { getName, type LayerRecord } from './metadata/records.js';
import { removeSnapshot } from './remove.js';
import { nameOf, supersede } from './supersede.js';
import type { LayerExtraction, LayerIdentity, Usage } from './types.js';

/** Keys of the snapshots that layers are extracted into, before the layer's name. */
const PREFIX = 'extract ';

type ExtractionCommit = Parameters<LayerExtraction['commit']>[0];

/**
 * As LayerStore's `extract`. Who wants several layers asks for them from the lowest up, so that no two processes wait
 * for each other.
 *
 * @throws LayerhookError ABORTED, SNAPSHOT_ARGUMENT, NO_SPACE, SYSTEM
 */
export async function extractLayer(
  context: Context,
  layer: LayerIdentity,
  parent: string,
  signal: AbortSignal,
): Promise<LayerExtraction | null> {
  const unlock = await lockFile(lockOf(context, layer), signal);
  try {
    if (findLayer(context, layer, parent, undefined)) {
      unlock();
      return null;
    }
    return begin(context, layer, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Removes what extractions that died have left. @throws LayerhookError NO_SPACE, SYSTEM */
export function removeDeadExtractions(context: Context, keys: { client: string; name: string }[]): void {
  for (const { client, name } of keys) {
    if (!name.startsWith(PREFIX)) continue;
    const unlock = tryLockFile(lockPath(context, name.slice(PREFIX.length)));
    if (unlock === undefined) continue;
    try {
      removeIfThere({ ...context, client }, name);
    } finally {
      unlock();
    }
  }
}

function begin(context: Context, layer: LayerIdentity, unlock: Unlock): LayerExtraction {
  const key = PREFIX + nameOf(layer);
  // whoever has left it had the lock that is now ours
  removeIfThere(context, key);
  createSnapshot(context, 'active', key, '');
  const content = context.db.read((reader) => getName(reader, context.client, key)!.content);
  return {
    key,
    target: context.directories.fs(content),
    manifest: context.directories.manifest(content),
    async commit(options) {
      try {
        commitLayer(context, layer, key, options);
      } finally {
        unlock();
      }
    },
    async discard() {
      try {
        removeIfThere(context, key);
      } finally {
        unlock();
      }
    },
  };
}

function commitLayer(context: Context, layer: LayerIdentity, key: string, options: ExtractionCommit): void {
  const usage = measure(context, key);
  const freed = context.db.write((writer) => {
    // a client without our lock, such as containerd, may have been quicker
    if (ownContent(context, writer, layer) !== undefined) return undefined;
    return supersede(context, writer, layer, () => commitNamed(context, writer, layer, key, usage, options));
  });
  if (freed === undefined) removeIfThere(context, key);
  for (const content of freed ?? []) context.directories.discard(content);
  if (freed?.length) context.directories.empty();
}

function commitNamed(
  context: Context,
  writer: Writer,
  layer: LayerIdentity,
  key: string,
  usage: Usage,
  { parent, labels, dependencies }: ExtractionCommit,
): string {
  const { diffID, chainID, map } = layer;
  const record: LayerRecord = { diffID, map, chainIDs: [chainID], dependencies };
  const details = { parent, labels: { ...labels, ...labelsOfLayer(layer) }, usage, layer: record };
  return commitActive(context, writer, nameOf(layer), key, details);
}

function removeIfThere(context: Context, key: string): void {
  const there = context.db.read((reader) => getName(reader, context.client, key) !== undefined);
  if (there) removeSnapshot(context, key);
}

function lockOf(context: Context, layer: LayerIdentity): string {
  return lockPath(context, nameOf(layer));
}

/** The lock of a layer, whichever client wants it. */
function lockPath({ directories }: Context, name: string): string {
  const file = encodeURIComponent(name);
  if (file.length <= 255) return directories.lock(file);
  const reason = 'the name of its map is too long';
  throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: `layer ${name.slice(0, 80)}`, reason });
}
