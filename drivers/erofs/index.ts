import type { Driver } from 'layerhook';
import { hasMetadata } from 'layerhook/store';
import { storeDriver } from '../overlay/driver.js';
import { DriverStore } from '../overlay/store.js';
import { ImageForm } from './image-form.js';
import { readErofsOptions } from './options.js';

/**
 * Keeps every layer once, as an EROFS image that contains the layer's own tar. A bundle's rootfs is an overlay mount of
 * such images. Where the kernel or the user cannot mount them, new layers become directories, as with the overlay driver.
 */
export default function erofsDriver(options: Record<string, unknown>): Driver {
  const { verity, ...others } = readErofsOptions(options);
  const store = new DriverStore(others);
  return storeDriver({
    ...{ name: 'erofs', store },
    newForm: () => new ImageForm({ verity: verity === 'auto' }),
    onUnmounted: async () => {
      if (hasMetadata(others.store)) await (await store.open()).unmountUnused();
    },
  });
}
