import { type BundleContext, type Declined, declined, isLayerhookError } from 'layerhook/driver';
import { type LayerStore, mountAll, unmountAll } from 'layerhook/snapshot';
import { readBundle, writeBundle } from './bundle.js';
import type { DriverStore } from './store.js';

/** Mounts the rootfs of a bundle, if it is not; with a refresh behind it, what the bundle had before goes. */
export async function mountBundle(
  driverStore: DriverStore,
  { rootfs, log }: BundleContext,
): Promise<void | Declined> {
  const bundle = readBundle(rootfs);
  if (bundle === null) return declined;
  const store = await driverStore.open();
  const doubted = await store.untrusted(bundle.key);
  if (doubted.length > 0) {
    const { proveLayers } = await import('./prove.js');
    await proveLayers(store, doubted, log);
  }
  await mountAll(await store.mounts(bundle.key), rootfs, { support: driverStore.support() });
  if (bundle.other !== undefined) await forget(store, rootfs, { key: bundle.key, other: bundle.other });
}

/** Takes the mount of a bundle away. */
export async function unmountBundle({ rootfs }: BundleContext): Promise<void | Declined> {
  if (readBundle(rootfs) === null) return declined;
  await unmountAll(rootfs);
}

/** Takes a bundle's mount and snapshot away, also if it was never finished. */
export async function removeBundle(driverStore: DriverStore, { rootfs }: BundleContext): Promise<void> {
  const bundle = readBundle(rootfs);
  if (bundle === null) return;
  await unmountAll(rootfs, { detach: true });
  const store = await driverStore.open();
  await removeIfThere(store, bundle.key);
  if (bundle.other !== undefined) await removeIfThere(store, bundle.other);
}

/** Forgets the snapshot that is not the bundle's. */
export async function forget(
  store: LayerStore,
  rootfs: string,
  { key, other }: { key: string; other: string },
): Promise<void> {
  await removeIfThere(store, other);
  writeBundle(rootfs, { key });
}

export async function removeIfThere(store: LayerStore, key: string): Promise<void> {
  try {
    await store.remove(key);
  } catch (error) {
    if (!isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) throw error;
  }
}
