import { dirname } from 'node:path';
import {
  chainIDs,
  type Declined,
  declined,
  fsError,
  type OverlayXattr,
  type RefreshContext,
} from 'layerhook';
import { carryOver, unmountAll } from 'layerhook/overlay';
import type { LayerStore } from 'layerhook/store';
import { newKey, readBundle, writeBundle } from './bundle.js';
import { directoriesOf } from './delta.js';
import { identityOf } from './identity.js';
import { forget, mountBundle } from './mount.js';
import type { DriverStore } from './store.js';
import { requireUnused } from './used.js';

/**
 * Puts a bundle on top of the layer that was made of its changes.
 *
 * The layer is extracted from its blob. The upperdir cannot become the layer: it has fractions of seconds, masked paths,
 * unchanged files and later changes, and a mount in another namespace may still write to it. Changes that the layer lacks
 * are carried over. The bundle stays the old one until umoci.json names the new image.
 *
 * @throws LayerhookError BUNDLE_BUSY, UNMOUNT_FAILED while rootfs is used; the bundle stays unchanged
 */
export async function refreshBundle(
  driverStore: DriverStore,
  context: RefreshContext,
): Promise<void | Declined> {
  const { rootfs, layer, manifestDescriptor } = context;
  const bundle = readBundle(rootfs);
  if (bundle === null) return declined;
  const store = await driverStore.openOf(context.bundle);
  const { key, other } = bundle;
  await store.bundles.require(key, context);
  // umoci.json decides which of the two snapshots counts, and it is about to name another image
  if (other !== undefined) await forget(store, context, { key, other });
  if (layer === null) return store.bundles.update(key, 'overlay', context);
  requireUnused(rootfs);
  const name = nameOfNew(store, context, driverStore.xattr);
  await context.unpackLayer();
  const next = newKey(context.bundle);
  const wasMounted = await unmountAll(rootfs);
  try {
    // written before the snapshot exists, so that an interrupted refresh leaves no unknown snapshot
    writeBundle(rootfs, { key, next: { key: next, manifest: manifestDescriptor.digest } });
    await store.bundles.prepare(next, name, 'overlay', context);
    await carry(driverStore, context, { key, next });
  } catch (error) {
    await store.bundles.remove(next, context);
    if (wasMounted) await mountBundle(driverStore, { ...context, claim: false });
    throw fsError(error, `cannot refresh ${dirname(rootfs)}`);
  }
}

/** Returns the store's name of the new layer. */
function nameOfNew(
  store: LayerStore,
  { config, map, keepDirlinks }: RefreshContext,
  xattr: OverlayXattr,
): string {
  const diffIDs = config.rootfs.diff_ids;
  const chain = { diffIDs, chainIDs: chainIDs(diffIDs) };
  return store.nameOf(identityOf(chain, diffIDs.length - 1, { map, keepDirlinks, xattr }));
}

/** Carries over the changes that the new layer lacks. */
async function carry(
  store: DriverStore,
  { rootfs, changes, log }: RefreshContext,
  { key, next }: { key: string; next: string },
): Promise<void> {
  const [{ upperdir }, to] = [await directoriesOf(store, key), await directoriesOf(store, next)];
  const places = { upperdir, to: to.upperdir, lowerdirs: to.lowerdirs };
  const carried = await carryOver(places, changes, to.format);
  log.debug('put the bundle on top of the new layer', { bundle: dirname(rootfs), carried });
}
