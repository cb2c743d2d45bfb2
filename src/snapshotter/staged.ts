import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { diffIDOf } from '../store/context/labels.js';
import type { CommitOptions, LayerIdentity, Mount, Store } from '../store/types.js';

/**
 * With parallel unpack containerd is told that a layer is there by read-only mounts: it does not extract then, but commits,
 * and names the parent. Until then the layer is held by a name that walk does not show, so that nobody frees it.
 */

const stagedLabel = 'layerhook/staged';
const holdPrefix = 'layerhook-staged ';

/** The name by which the layer is held that the active snapshot `key` stands for. */
export function holdOf(key: string): string {
  return holdPrefix + key;
}

export function isHold(name: string): boolean {
  return name.startsWith(holdPrefix);
}

/** The layer that an active snapshot stands for. */
export function stagedLayer(labels: Readonly<Record<string, string>>): LayerIdentity | undefined {
  const chainID = labels[stagedLabel];
  return chainID === undefined ? undefined : { chainID, diffID: diffIDOf(labels), map: '' };
}

/**
 * Makes an active snapshot that stands for a layer of the store.
 *
 * @param take gives the layer a name, if the store has it
 * @returns false if the store does not have the layer
 * @throws LayerhookError SNAPSHOT_EXISTS, SNAPSHOT_NOT_FOUND, SNAPSHOT_ARGUMENT, NO_SPACE, SYSTEM
 */
export async function stageLayer(
  store: Store,
  key: string,
  layer: LayerIdentity,
  labels: Record<string, string>,
  parent: string,
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

/** Gives the layer its name, in the place of the active snapshot. @throws LayerhookError as Snapshotter's `commit` */
export async function commitStaged(
  store: Store,
  name: string,
  key: string,
  layer: LayerIdentity,
  { parent = '', labels = {} }: CommitOptions,
): Promise<void> {
  const prepared = (await store.stat(key)).parent;
  if (!(await store.adopt(name, layer, prepared || parent, { labels }))) {
    const reason = 'the layer that it stands for is damaged: pull the image again';
    throw new LayerhookError('SNAPSHOT_PRECONDITION', { name: key, reason });
  }
  for (const done of [key, holdOf(key)]) await store.remove(done).catch(ignoreMissing);
}

/** Removes what a process that died has left of {@link stageLayer}; nobody may be staging meanwhile. */
export async function removeDeadHolds(store: Store): Promise<void> {
  const names = new Set<string>();
  for await (const { name } of store.walk()) names.add(name);
  for (const name of names) {
    if (!isHold(name) || names.has(name.slice(holdPrefix.length))) continue;
    // one that cannot be removed, on a disk that fails, keeps nobody from starting: the next start tries again
    await store.remove(name).catch(() => {});
  }
}

/** A commit that was killed may have done half of it. */
function ignoreMissing(error: unknown): void {
  if (!isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
}
