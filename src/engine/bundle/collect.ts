import { isLayerhookError } from '../../errors/index.js';
import type { StoredBundle } from '../../store/bundles/types.js';
import type { Store } from '../../store/types.js';
import type { OperationOptions } from '../operation-options.js';
import { type BundleEntry, bundlesIn, isWhole, surveyBundles } from './list.js';
import { hasBundle } from './metadata.js';
import { removeDamaged, sweepAround } from './remove.js';
import { forgetStored } from './stored.js';

export interface CollectOptions extends Pick<OperationOptions, 'store' | 'hooksFile' | 'signal'> {
  log: NonNullable<OperationOptions['log']>;
}

/**
 * Removes what killed commands left of bundles: snapshots, mounts and private directories. What is still mounted stays.
 *
 * @throws LayerhookError SYSTEM, NO_SPACE, ABORTED
 */
export async function removeLeftovers(store: Store, options: CollectOptions): Promise<void> {
  const { bundles, leftovers } = await surveyBundles(store);
  // they got their names before their process died
  for (const { key, progress } of bundles) if (progress === 'abandoned') await store.bundles.settle(key);
  if (leftovers.length === 0) return;
  for (const { bundle, isThere } of leftovers) {
    const isPart = isThere && !isWhole(bundle) && hasBundle(bundle);
    await succeeds(() => (isPart ? removeDamaged({ ...options, bundle }) : sweepAround(bundle)), options);
  }
  const left = new Set(leftovers.map(({ key }) => key));
  const isFree = ({ key, mountPoints }: StoredBundle) => left.has(key) && mountPoints.length === 0;
  await forgetStored(store, (await store.bundles.list()).filter(isFree));
}

/** Returns the bundles of a store whose directory or umoci.json is gone. */
export async function lostBundles(store: Store): Promise<BundleEntry[]> {
  const isLost = ({ state, bundle }: BundleEntry) =>
    // the rest of a bundle that lost only its changes stays until it is removed by name
    state === 'missing' || (state === 'damaged' && !isWhole(bundle));
  return (await bundlesIn(store)).filter(isLost);
}

/** Removes the changes of lost bundles, unless they are in use. @returns those that are removed */
export async function removeLost(
  store: Store,
  lost: readonly BundleEntry[],
  options: CollectOptions,
): Promise<BundleEntry[]> {
  const removed: BundleEntry[] = [];
  for (const entry of lost) {
    options.signal?.throwIfAborted();
    const { bundle, key, state } = entry;
    // another bundle may be at the path of a missing one
    const remove = async () =>
      state === 'damaged'
        ? await removeDamaged({ ...options, bundle })
        : await forgetStored(
            store,
            (await store.bundles.list()).filter((stored) => stored.key === key),
          );
    if (await succeeds(remove, options)) removed.push(entry);
  }
  return removed;
}

async function succeeds(remove: () => Promise<unknown>, { log }: CollectOptions): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    if (!isLayerhookError(error) || isLayerhookError(error, 'ABORTED')) throw error;
    log.warn(`${error.message}; ${error.hint}`);
    return false;
  }
}
