import { resolve } from 'node:path';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import type { StoredBundle } from '../../store/bundles/types.js';
import type { Store } from '../../store/types.js';
import { openChosenStore } from '../open-store.js';
import type { OperationOptions } from '../operation-options.js';
import { type BundleMeta, readBundleMeta } from './metadata.js';

type StoreOptions = Pick<OperationOptions, 'store' | 'hooksFile'>;

/**
 * Calls `use` with what the chosen store records of the bundle at a path, also if its directory is gone.
 *
 * @returns undefined without a store
 */
export async function withStored<T>(
  bundle: string,
  options: StoreOptions,
  use: (found: StoredBundle[], store: Store) => Promise<T>,
): Promise<T | undefined> {
  const { store } = await openChosenStore(options);
  if (store === null) return undefined;
  try {
    const all = await store.bundles.list();
    const isIts = (stored: StoredBundle) => stored.bundle === bundle && stored.progress !== 'building';
    return await use(all.filter(isIts), store);
  } finally {
    await store.close();
  }
}

/** True if the chosen store keeps changes of the directory at a path. */
export async function isStored(bundle: string, options: StoreOptions): Promise<boolean> {
  const known = await withStored(bundle, options, async (found) => found.some(({ isThere }) => isThere));
  return known ?? false;
}

/**
 * Reads a bundle's metadata. A directory without them that the store knows was a bundle.
 *
 * @throws LayerhookError BUNDLE_DAMAGED, BUNDLE_NOT_FOUND, BUNDLE_INVALID
 */
export async function requireBundle(options: StoreOptions & { bundle: string }): Promise<BundleMeta> {
  const path = resolve(options.bundle);
  try {
    return readBundleMeta(path);
  } catch (error) {
    if (!isLayerhookError(error, 'BUNDLE_NOT_FOUND') || !(await isStored(path, options))) throw error;
    const expected = `remove it with its changes: layerhook bundle rm --force ${path}`;
    throw new LayerhookError('BUNDLE_DAMAGED', { path, reason: 'umoci.json is missing', expected }, error);
  }
}

/**
 * Removes what a store keeps for bundles.
 *
 * @throws LayerhookError BUNDLE_BUSY if it is mounted
 */
export async function forgetStored(store: Store, bundles: readonly StoredBundle[]): Promise<void> {
  for (const { bundle, key, mountPoints } of bundles) {
    const [mounted] = mountPoints;
    if (mounted !== undefined) {
      const [reason, expected] = [
        `its changes are mounted at ${mounted}`,
        `unmount them first: umount ${mounted}`,
      ];
      throw new LayerhookError('BUNDLE_BUSY', { path: bundle, reason, expected });
    }
    await store.remove(key).catch((error: Error) => {
      if (!isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
    });
    await store.bundles.settle(key);
  }
}
