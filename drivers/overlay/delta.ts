import { type Change, type Declined, type DeltaContext, declined, fromText, fsError } from 'layerhook';
import { type OverlayFormat, upperdirChanges } from 'layerhook/overlay';
import { findMount, syncFilesystem } from 'layerhook/system';
import { readBundle } from './bundle.js';
import type { DriverStore } from './store.js';
import { requireUnused } from './used.js';

/** The directories of a bundle's snapshot. */
export interface BundleDirectories {
  upperdir: string;
  /** highest first */
  lowerdirs: string[];
  format: OverlayFormat;
}

/** Lists the changes in a bundle's upperdir. The bundle may be unmounted, mounted or in use. */
export async function listDelta(store: DriverStore, context: DeltaContext): Promise<Change[] | Declined> {
  const { rootfs, maskPaths, refresh, signal, log } = context;
  const bundle = readBundle(rootfs);
  if (bundle === null) return declined;
  await (await store.openOf(context.bundle)).bundles.require(bundle.key, context);
  if (refresh) requireUnused(rootfs);
  const directories = await directoriesOf(store, bundle.key);
  if (directories.format === 'fuse') await flushFuse(rootfs);
  const { changes } = await upperdirChanges({ ...directories, maskPaths, signal });
  log.debug('compared the upperdir with its lower layers', { changes: changes.length });
  return changes;
}

/**
 * Flushes the cache of a FUSE mount to fuse-overlayfs. Without that, the upperdir lacks data written through descriptors
 * and mappings that are still open. The kernel's overlayfs shares its cache with the upperdir.
 *
 * @throws LayerhookError SYSTEM, NO_SPACE
 */
async function flushFuse(rootfs: string): Promise<void> {
  const path = fromText(rootfs);
  if (!findMount(path)?.type.startsWith('fuse.')) return;
  try {
    await syncFilesystem(path);
  } catch (error) {
    throw fsError(error, `cannot flush ${rootfs}`);
  }
}

export async function directoriesOf(driverStore: DriverStore, key: string): Promise<BundleDirectories> {
  const store = await driverStore.open();
  const { parent } = await store.stat(key);
  const [mount] = await store.mounts(key);
  const { by } = driverStore.support();
  return {
    upperdir: await store.directory(key),
    lowerdirs: parent === '' ? [] : await store.lowerdirs(parent),
    format: by !== 'kernel' ? 'fuse' : mount?.options.includes('userxattr') ? 'user' : 'trusted',
  };
}
