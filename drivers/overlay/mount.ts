import { type BundleContext, type Declined, declined, type MountContext } from 'layerhook';
import { mountAll, unmountAll } from 'layerhook/overlay';
import type { LayerStore } from 'layerhook/store';
import { readBundle, writeBundle } from './bundle.js';
import { proveLayers } from './prove.js';
import type { DriverStore } from './store.js';

/** Mounts the rootfs of a bundle unless it is mounted. After a refresh, removes the bundle's old snapshot. */
export async function mountBundle(driverStore: DriverStore, context: MountContext): Promise<void | Declined> {
  const { rootfs, log } = context;
  const bundle = readBundle(rootfs);
  if (bundle === null) return declined;
  const store = await driverStore.openOf(context.bundle);
  if (context.claim) await store.bundles.claim(bundle.key, context);
  await store.bundles.require(bundle.key, context);
  const doubted = await store.untrusted(bundle.key);
  if (doubted.length > 0) {
    await proveLayers(store, doubted, log);
  }
  await mountAll(await store.mounts(bundle.key), rootfs, { support: driverStore.support() });
  if (bundle.other !== undefined) await forget(store, context, { key: bundle.key, other: bundle.other });
}

/** Unmounts the rootfs of a bundle. */
export async function unmountBundle({ rootfs }: BundleContext): Promise<void | Declined> {
  if (readBundle(rootfs) === null) return declined;
  await unmountAll(rootfs);
}

/** Removes a bundle's mount and snapshot, even of an unfinished bundle. The snapshot of a copy belongs to the original. */
export async function removeBundle(driverStore: DriverStore, context: BundleContext): Promise<void> {
  const { rootfs, log } = context;
  const bundle = readBundle(rootfs);
  if (bundle === null) return;
  await unmountAll(rootfs, { detach: true });
  const store = await driverStore.openOf(context.bundle);
  const { key, other } = bundle;
  const owner = await store.bundles.remove(key, context);
  if (owner !== undefined) log.warn(`${context.bundle} is a copy: the store keeps its changes for ${owner}`);
  if (other !== undefined) await store.bundles.remove(other, context);
}

/** Removes the snapshot that does not count, and its record. */
export async function forget(
  store: LayerStore,
  context: Pick<BundleContext, 'bundle' | 'rootfs'>,
  { key, other }: { key: string; other: string },
): Promise<void> {
  await store.bundles.remove(other, context);
  writeBundle(context.rootfs, { key });
}
