import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { type Declined, declined, fsError, type RefreshContext } from 'layerhook/driver';
import { type LayerStore, mountAll, unmountAll } from 'layerhook/snapshot';
import { readBundle, writeBundle } from './bundle.js';
import { carryOver } from './carry.js';
import { directoriesOf } from './delta.js';
import { forget, removeIfThere } from './mount.js';
import { requireUnused } from './used.js';

/**
 * Puts a bundle on top of the layer that was made of its changes.
 *
 * The layer is extracted from its blob, not taken from the upperdir: that has fractions of seconds, masked paths, files
 * that are as below, and what changed since, and a mount that nobody sees may still write to it. What is not in the layer
 * is carried over. The bundle is the old one until umoci.json names the new image.
 *
 * @throws LayerhookError BUNDLE_USED, UNMOUNT_FAILED while rootfs is used; the bundle is as it was then
 */
export async function refreshBundle(store: LayerStore, context: RefreshContext): Promise<void | Declined> {
  const { rootfs, layer, manifestDescriptor } = context;
  const bundle = readBundle(rootfs);
  if (bundle === null) return declined;
  if (layer === null) return;
  requireUnused(rootfs);
  await context.unpackLayer();
  const { key, other } = bundle;
  if (other !== undefined) await forget(store, rootfs, { key, other });
  const next = `bundle ${randomUUID()}`;
  const wasMounted = await unmountAll(rootfs);
  try {
    await prepareNext(store, { ...context, layer }, { key, next });
    writeBundle(rootfs, { key, next: { key: next, manifest: manifestDescriptor.digest } });
  } catch (error) {
    await removeIfThere(store, next);
    if (wasMounted) await mountAll(await store.mounts(key), rootfs);
    throw fsError(error, `cannot refresh ${dirname(rootfs)}`);
  }
}

/** Makes the snapshot on top of the new layer, with what the layer has not. */
async function prepareNext(
  store: LayerStore,
  { rootfs, layer, changes, log }: RefreshContext & { layer: NonNullable<RefreshContext['layer']> },
  { key, next }: { key: string; next: string },
): Promise<void> {
  const { parent, labels } = await store.stat(key);
  const name = store.nameOf({ ...layer, map: mapOf(parent) });
  await store.prepare(next, name, { labels });
  const [from, to] = [await directoriesOf(store, key), await directoriesOf(store, next)];
  const carried = carryOver(
    { upperdir: from.upperdir, to: to.upperdir, lowerdirs: to.lowerdirs },
    changes,
    to.format,
  );
  log.debug('put the bundle on top of the new layer', { bundle: dirname(rootfs), carried });
}

/** The map by which a layer's name differs from that of others with its chainID; the layers on top have the same. */
function mapOf(name: string): string {
  const plus = name.indexOf('+');
  return plus < 0 ? '' : name.slice(plus + 1);
}
