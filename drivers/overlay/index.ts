import { type Driver, readDriverOptions } from 'layerhook';
import { DirectoryForm } from './directory-form.js';
import { storeDriver } from './driver.js';
import { DriverStore } from './store.js';

/** Keeps every layer once, as a directory in the layer store. A bundle's rootfs is an overlay mount of them. */
export default function overlayDriver(options: Record<string, unknown>): Driver {
  const store = new DriverStore(readDriverOptions('overlay', options));
  return storeDriver({ name: 'overlay', store, newForm: () => new DirectoryForm() });
}
