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
    hooks: {},
    close: () => store.close(),
  };
}
