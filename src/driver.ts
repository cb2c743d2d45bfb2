/** `layerhook/driver`: what a driver needs at every call, without loading what unpacks and repacks. */

export { fsError } from './errors/fs-error.js';
export * from './errors/index.js';
export { chainIDs } from './image/chain.js';
export { readSmallFile } from './image/layout-files.js';
export type * from './image/types.js';
export { isHostXattr } from './layer/generate/xattrs.js';
export { type HoleBudget, holeBudget } from './layer/holes.js';
export type * from './layer/types.js';
export * from './layer/walk/index.js';
export * from './points/points.js';
export * from './system/bytes.js';
export type { Logger } from './system/logger.js';
export * from './system/regular-file.js';
export { checkpoint, inTurns, type Steps } from './system/steps.js';
export { replaceFile, writeFileAtomic } from './system/write-file.js';
