/** `layerhook/snapshot`: the layer store, as drivers, hooks and programs use it. */

export { mountAll, unmountAll } from './mount.js';
export { overlayOptions } from './mount-options.js';
export type * from './types.js';
