import type { Driver } from 'layerhook/driver';
import { readOptions } from './options.js';
import { DriverStore } from './store.js';

/**
 * Every layer lives once in the layer store; a bundle's rootfs is an overlay mount of its image's layers with a
 * directory of its own on top.
 */
export default function overlayDriver(options: Record<string, unknown>): Driver {
  const store = new DriverStore(readOptions(options));
  return {
    name: 'overlay',
    mtree: 'never',
    hooks: {
      'repack.ociv1.layer.delta-list': async (context) => {
        const { listDelta } = await import('./delta.js');
        return listDelta(await store.open(), context);
      },
      'repack.ociv1.layer.refresh-bundle': async (context) => {
        const { refreshBundle } = await import('./refresh.js');
        return refreshBundle(await store.open(), context);
      },
      'bundle.ociv1.mount': async (context) => {
        const { mountBundle } = await import('./mount.js');
        return mountBundle(await store.open(), context);
      },
      'bundle.ociv1.umount': async (context) => {
        const { unmountBundle } = await import('./mount.js');
        return unmountBundle(context);
      },
    },
    close: () => store.close(),
  };
}
