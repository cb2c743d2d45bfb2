import { join } from 'node:path';
import btrfsDriver from '../../../drivers/btrfs/index.js';
import { type RepackOptions, repack, type UnpackOptions, unpack } from '../../../src/index.js';
import { silentLogger } from '../../../src/system/logger.js';
import { type Tree, treeOf } from '../../helpers/tree.js';

/** Unpacks and repacks with the driver, its store and bundles on one filesystem. */
export function onBtrfs(mountpoint: string) {
  const store = join(mountpoint, 'store');
  const common = { driver: 'btrfs', driverOptions: { store }, hooksFile: null };
  return {
    store,
    unpack: (image: string, bundle: string, more: Partial<UnpackOptions> = {}) =>
      unpack({ ...common, image, bundle: join(mountpoint, bundle), ...more }),
    repack: (image: string, bundle: string, more: Partial<RepackOptions> = {}) =>
      repack({ hooksFile: null, image, bundle: join(mountpoint, bundle), ...more }),
    remove: async (bundle: string) => {
      const path = join(mountpoint, bundle);
      await btrfsDriver({ store }).hooks['bundle.ociv1.remove']!({
        ...{ bundle: path, rootfs: join(path, 'rootfs'), log: silentLogger },
        ...{
          map: { uidMappings: [], gidMappings: [], rootless: false },
          state: {},
          signal: new AbortController().signal,
        },
      });
    },
    tree: (bundle: string) => treeOf(join(mountpoint, bundle, 'rootfs')),
    at: (bundle: string, name: string) => join(mountpoint, bundle, 'rootfs', name),
  };
}

/** A tree with its times cut to seconds, as they are in a layer that repack makes. */
export function inSeconds(tree: Tree): Tree {
  for (const entry of tree.values()) entry.mtime = entry.mtime.split('.')[0]!;
  return tree;
}
