import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { diffIDOf } from '../store/context/labels.js';
import type { CommitOptions, LayerIdentity, Mount, Store } from '../store/types.js';

/**
 * With parallel unpack, read-only mounts tell containerd that a layer already exists: instead of extracting, it commits and
 * names the parent. Until the commit, a name that walk does not show holds the layer, so that garbage collection spares it.
 */

const stagedLabel = 'layerhook/staged';
const holdPrefix = 'layerhook-staged ';

/** Returns the name that holds the layer for which the active snapshot `key` stands. */
export function holdOf(key: string): string {
  return holdPrefix + key;
}

export function isHold(name: string): boolean {
  return name.startsWith(holdPrefix);
}

/**
 * Returns the labels that a client gives, with the unchanged mark of an active snapshot: a client can neither set nor remove
 * the mark.
 *
 * @param present the labels of the snapshot; default: it is new
 */
export function keepingMark(
  { [stagedLabel]: _, ...given }: Readonly<Record<string, string>>,
  present: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const mark = present[stagedLabel];
  return mark === undefined ? given : { ...given, [stagedLabel]: mark };
}

/** Returns the layer that an active snapshot stands for, from its labels. */
export function stagedLayer(labels: Readonly<Record<string, string>>): LayerIdentity | undefined {
  const chainID = labels[stagedLabel];
  return chainID === undefined ? undefined : { chainID, diffID: diffIDOf(labels), map: '' };
}

/**
 * Creates an active snapshot that stands for a layer of the store.
 *
 * @param take gives the layer a name; returns false if the store does not have the layer
 * @returns false if the store does not have the layer
 * @throws LayerhookError SNAPSHOT_EXISTS, SNAPSHOT_NOT_FOUND, SNAPSHOT_ARGUMENT, NO_SPACE, SYSTEM
 */
export async function stageLayer(
  store: Store,
  layer: LayerIdentity,
  { key, parent, labels }: { key: string; parent: string; labels: Record<string, string> },
  take: (name: string) => Promise<boolean>,
): Promise<boolean> {
  const hold = holdOf(key);
  if (!(await take(hold))) return false;
  try {
    await store.prepare(key, parent, { labels: { ...labels, [stagedLabel]: layer.chainID } });
  } catch (error) {
    await store.remove(hold);
    throw error;
  }
  return true;
}

export async function stagedMounts(store: Store, key: string): Promise<Mount[]> {
  const source = await store.directory(holdOf(key));
  return [{ type: 'bind', source, target: '', options: ['ro', 'rbind'] }];
}

/** Gives the layer its name, and removes the active snapshot. @throws LayerhookError as Snapshotter's `commit` */
export async function commitStaged(
  store: Store,
  name: string,
  key: string,
  layer: LayerIdentity,
  { parent = '', labels = {} }: CommitOptions,
): Promise<void> {
  const prepared = (await store.stat(key)).parent;
  if (!(await store.adopt(name, layer, prepared || parent, { labels }))) {
    const reason = 'the layer that it stands for is no longer trusted: pull the image again';
    throw new LayerhookError('SNAPSHOT_PRECONDITION', { name: key, reason });
  }
  for (const done of [key, holdOf(key)]) await store.remove(done).catch(ignoreMissing);
}

/** Removes the holds that a dead process left in {@link stageLayer}; no other process may stage layers meanwhile. */
export async function removeDeadHolds(store: Store): Promise<void> {
  const names = new Set<string>();
  for await (const { name } of store.walk()) names.add(name);
  for (const name of names) {
    if (!isHold(name) || names.has(name.slice(holdPrefix.length))) continue;
    // A hold that cannot be removed, on a failing disk, must not keep the server from starting: the next start tries again.
    await store.remove(name).catch(() => {});
  }
}

/** A killed commit may already have removed one of the names. */
function ignoreMissing(error: unknown): void {
  if (!isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
}
