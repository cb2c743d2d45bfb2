/** `layerhook/snapshot`: the layer store for drivers, hooks and programs. */

export { type MountAllOptions, mountAll, unmountAll } from '../overlay/mount.js';
export { overlayOptions } from '../overlay/mount-options.js';
export { chooseOverlay, type OverlaySupport } from '../overlay/overlay-support.js';
export { hasMetadata } from './exists.js';
export { openStore } from './open.js';
export type * from './types.js';
