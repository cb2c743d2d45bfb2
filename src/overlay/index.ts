/** `layerhook/overlay`: overlayfs on disk, and its mounts by the kernel or by fuse-overlayfs. */

export { type MountAllOptions, mountAll, unmountAll } from './mount.js';
export { type Mount, overlayOptions } from './mount-options.js';
export { chooseOverlay, type OverlaySupport } from './overlay-support.js';
