import type { ImageContext } from 'layerhook';
import { fixUpLayer, mountAll } from 'layerhook/overlay';
import { newKey, writeBundle } from './bundle.js';
import type { DriverStore } from './store.js';

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
  const mounts = await (await store.open()).bundles.prepare(key, parent, 'overlay', context);
  if (parent === '') await describeRoot(store, key, context);
  await mountAll(mounts, rootfs, { support: store.support() });
}

/** Describes the root directory of an image without layers. */
async function describeRoot(store: DriverStore, key: string, { map }: ImageContext): Promise<void> {
  const directory = await (await store.open()).directory(key);
  fixUpLayer({ directory, lower: null, xattr: store.xattr, map });
}
