/** `layerhook/snapshot`: the layer store, as drivers, hooks and programs use it. */

export { hasMetadata } from './exists.js';
export { type MountAllOptions, mountAll, unmountAll } from './mount.js';
export { overlayOptions } from './mount-options.js';
export { isInUserNamespace } from './mounts.js';
export { openStore } from './open.js';
export { chooseOverlay, type OverlaySupport } from './overlay-support.js';
export type * from './types.js';
