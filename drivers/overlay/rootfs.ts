import type { ImageContext } from 'layerhook';
import { fixUpLayer, mountAll } from 'layerhook/overlay';
import { newKey, writeBundle } from './bundle.js';
import { ownerLabels } from './owner.js';
import type { DriverStore } from './store.js';

/** Returns the labels of a bundle's snapshot, for people and for garbage collection. */
export function labelsOf(context: ImageContext) {
  const { layout, reference, manifestDescriptor } = context;
  return {
    ...ownerLabels(context),
    'layerhook/layout': layout,
    'layerhook/reference': reference,
    'layerhook/manifest': manifestDescriptor.digest,
  };
}

/**
 * Mounts a new active snapshot on top of a layer at rootfs.
 *
 * @param parent name of the image's top layer; '' for an image without layers
 */
export async function assembleRootfs(
  store: DriverStore,
  parent: string,
  context: ImageContext,
): Promise<void> {
  const { bundle, rootfs } = context;
  const key = newKey(bundle);
  // written before the snapshot exists, so that removing the bundle always finds the snapshot
  writeBundle(rootfs, { key });
  const mounts = await (await store.open()).prepare(key, parent, { labels: labelsOf(context) });
  if (parent === '') await describeRoot(store, key, context);
  await mountAll(mounts, rootfs, { support: store.support() });
}

/** Describes the root directory of an image without layers. */
async function describeRoot(store: DriverStore, key: string, { map }: ImageContext): Promise<void> {
  const directory = await (await store.open()).directory(key);
  fixUpLayer({ directory, lower: null, xattr: store.xattr, map });
}
