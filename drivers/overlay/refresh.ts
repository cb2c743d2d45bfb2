import { dirname } from 'node:path';
import {
  chainIDs,
  type Declined,
  declined,
  fsError,
  type OverlayXattr,
  type RefreshContext,
} from 'layerhook';
import { unmountAll } from 'layerhook/overlay';
import type { LayerStore } from 'layerhook/store';
import { newKey, readBundle, writeBundle } from './bundle.js';
import { carryOver } from './carry.js';
import { directoriesOf } from './delta.js';
import { identityOf } from './identity.js';
import { forget, mountBundle } from './mount.js';
import { removeOwn, requireOwner } from './owner.js';
import { labelsOf } from './rootfs.js';
import type { DriverStore } from './store.js';
import { requireUnused } from './used.js';

/**
 * Puts a bundle on top of the layer that was made of its changes.
 *
 * The layer is extracted from its blob, not taken from the upperdir: that has fractions of seconds, masked paths, files
 * that are as below, and what changed since, and a mount that nobody sees may still write to it. What is not in the layer
 * is carried over. The bundle is the old one until umoci.json names the new image.
 *
 * @throws LayerhookError BUNDLE_BUSY, UNMOUNT_FAILED while rootfs is used; the bundle is as it was then
 */
export async function refreshBundle(
  driverStore: DriverStore,
  context: RefreshContext,
): Promise<void | Declined> {
  const { rootfs, layer, manifestDescriptor } = context;
  const bundle = readBundle(rootfs);
  if (bundle === null) return declined;
  const store = await driverStore.open();
  const { key, other } = bundle;
  await requireOwner(store, context, key);
  const labels = labelsOf(context);
  // which of the two is the bundle's goes by the image that umoci.json names, and that is about to be another
  if (other !== undefined) await forget(store, context, { key, other });
  if (layer === null) return void (await store.update({ name: key, labels }));
  requireUnused(rootfs);
  const { parent } = await store.stat(key);
  const { name, keepDirlinks } = newLayer(store, context, { parent, xattr: driverStore.xattr });
  await context.unpackLayer({ keepDirlinks });
  const next = newKey(context.bundle);
  const wasMounted = await unmountAll(rootfs);
  try {
    // written before it is there, so that it is found if nothing comes after that
    writeBundle(rootfs, { key, next: { key: next, manifest: manifestDescriptor.digest } });
    await store.prepare(next, name, { labels });
    await carry(driverStore, context, { key, next });
  } catch (error) {
    await removeOwn(store, context, next);
    if (wasMounted) await mountBundle(driverStore, { ...context, claim: false });
    throw fsError(error, `cannot refresh ${dirname(rootfs)}`);
  }
}

/** What the store calls the new layer, and how those below it were unpacked: a bundle does not say. */
function newLayer(
  store: LayerStore,
  { config, map }: RefreshContext,
  { parent, xattr }: { parent: string; xattr: OverlayXattr },
): { name: string; keepDirlinks: boolean } {
  const diffIDs = config.rootfs.diff_ids;
  const chain = { diffIDs, chainIDs: chainIDs(diffIDs) };
  const nameOf = (index: number, keepDirlinks: boolean) =>
    store.nameOf(identityOf(chain, index, { map, keepDirlinks, xattr }));
  const top = diffIDs.length - 1;
  const keepDirlinks = top > 0 && nameOf(top - 1, true) === parent;
  return { name: nameOf(top, keepDirlinks), keepDirlinks };
}

/** Takes along what the new layer has not. */
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
