/** The public API of layerhook: what a library user, a hook module or a driver may import. */

export { type AppendLayerOptions, type AppendResult, appendLayer } from './engine/append.js';
export { type ApplyLayerOptions, applyLayer } from './engine/apply-layer.js';
export { type ArchiveRequest, archiveUpperdir } from './engine/archive.js';
export { type BundleEntry, listBundles } from './engine/bundle-list.js';
export {
  type BundleMountResult,
  type BundleOptions,
  type MountBundleOptions,
  mountBundle,
  unmountBundle,
} from './engine/bundle-mount.js';
export { type RemoveBundleOptions, type RemoveBundleResult, removeBundle } from './engine/bundle-remove.js';
export { type InsertLayerOptions, type InsertResult, insertLayer } from './engine/insert.js';
export { type ManifestCheck, openManifestCheck, readManifest } from './engine/manifest-check.js';
export * from './engine/points.js';
export type { ProgressEvent } from './engine/progress.js';
export { type RepackOptions, type RepackResult, repack } from './engine/repack.js';
export { type UnpackOptions, type UnpackResult, unpack } from './engine/unpack.js';
export { recordLayer, verifyLayer } from './engine/verify-layer.js';
export * from './errors/index.js';
export { createLayout, Layout, openLayout } from './image/layout.js';
export { newImage } from './image/new.js';
export { parseImageReference } from './image/references.js';
export type * from './image/types.js';
export {
  type GenerateOptions,
  generateLayer,
  generateTree,
  type TreeOptions,
  writeTar,
  writeTarFile,
} from './layer/generate/index.js';
export type * from './layer/types.js';
export * from './layer/walk/index.js';
export * from './log.js';
export * from './system/bytes.js';
export { readInRootfs } from './system/confined.js';
