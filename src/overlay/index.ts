/**
 * `layerhook/overlay`: overlayfs on disk, read and written without a mount, and its mounts by the kernel or by fuse-overlayfs.
 *
 * @module layerhook/overlay
 */

export {
  isMark,
  isWhiteout,
  type Marks,
  makeWhiteout,
  markOpaque,
  type OverlayFormat,
  readMarks,
} from '../layer/overlay-marks.js';
export { type CarryPlaces, carryOver } from './carry-over.js';
export {
  type UpperdirChanges,
  type UpperdirOptions,
  upperdirChanges,
} from './changes/upperdir-changes.js';
export { type FixUpOptions, type FixUpResult, fixUpLayer, type LowerDependency } from './fix-up/fix-up.js';
export { LowerTree } from './lower-tree.js';
export { type MountAllOptions, mountAll, unmountAll } from './mount.js';
export { type Mount, overlayOptions } from './mount-options.js';
export { chooseOverlay, type OverlaySupport } from './overlay-support.js';
