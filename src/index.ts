/**
 * The public API of layerhook: what a library user, a hook module or a driver may import.
 *
 * @module layerhook
 */

export { type DriverOptions, readDriverOptions } from './config/driver-options.js';
export { type ArchiveRequest, archiveUpperdir } from './engine/archive/archive.js';
export { type BundleEntry, listBundles } from './engine/bundle/list.js';
export {
  type BundleMountResult,
  type BundleOptions,
  type MountBundleOptions,
  mountBundle,
  unmountBundle,
} from './engine/bundle/mount.js';
export { type MtreeCheck, openMtreeCheck, readMtree } from './engine/bundle/mtree-check.js';
export { type RemoveBundleOptions, type RemoveBundleResult, removeBundle } from './engine/bundle/remove.js';
export {
  type ChangeRow,
  changeRow,
  type Difference,
  type DiffOptions,
  diffImages,
} from './engine/diff/diff.js';
export type { Side } from './engine/diff/side.js';
export type { EditImageOptions } from './engine/edit-image.js';
export { type AddLayerOptions, addLayer } from './engine/image/add-layer.js';
export {
  type ConfigureImageOptions,
  type ConfigureImageResult,
  configureImage,
} from './engine/image/configure.js';
export { type CopyImageOptions, copyImage } from './engine/image/copy.js';
export {
  type AddToIndexOptions,
  addImagesToIndex,
  type RemoveFromIndexOptions,
  removeImagesFromIndex,
} from './engine/image/edit-index.js';
export { type ExportImageOptions, exportImage } from './engine/image/export.js';
export { type ImageTree, type ImageTreeOptions, readImageTree } from './engine/image/image-tree.js';
export { type ImportImageOptions, type ImportImageResult, importImage } from './engine/image/import.js';
export { type EntryRow, type FileRow, listFiles } from './engine/image/list-files.js';
export { type ReadFileOptions, readImageFile } from './engine/image/read-file.js';
export { type RebaseImageOptions, type RebaseImageResult, rebaseImage } from './engine/image/rebase.js';
export { type RuntimeConfigOptions, runtimeConfig } from './engine/image/runtime-config.js';
export {
  type FlattenImageOptions,
  flattenImage,
  type SquashImageOptions,
  type SquashImageResult,
  squashImage,
} from './engine/image/squash.js';
export { type UnpackRootfsOptions, unpackRootfs } from './engine/image/unpack-rootfs.js';
export type { ImageOptions, NewLayerOptions } from './engine/image-options.js';
export {
  type InspectedImage,
  type InspectedLayer,
  type InspectImageOptions,
  type InspectJson,
  inspectImage,
  inspectJson,
  type WastedPath,
} from './engine/inspect/inspect.js';
export { type FailedRule, failedRules, type InspectRules, type Judged } from './engine/inspect/rules.js';
export type { SizedPath, TreeSizes } from './engine/inspect/sizes.js';
export type { Amount, LayerChanges } from './engine/inspect/watcher.js';
export type { OperationOptions } from './engine/operation-options.js';
export type { Phase, ProgressEvent } from './engine/progress.js';
export { type AppendLayerOptions, type AppendResult, appendLayer } from './engine/repack/append.js';
export { type InsertLayerOptions, type InsertResult, insertLayer } from './engine/repack/insert.js';
export { type RepackOptions, type RepackResult, repack } from './engine/repack/repack.js';
export { type TreeDriverOptions, treeDriver } from './engine/tree-driver.js';
export { type ApplyLayerOptions, applyLayer } from './engine/unpack/apply-layer.js';
export type { UnpackOptions, UnpackResult } from './engine/unpack/options.js';
export { unpack } from './engine/unpack/unpack.js';
export type { Finding, FindingCode, Severity } from './engine/validate/finding.js';
export { type ValidateOptions, validate } from './engine/validate/validate.js';
export { recordLayer, verifyLayer } from './engine/verify-layer.js';
export { fsError } from './errors/fs-error.js';
export * from './errors/index.js';
export { chainIDs } from './image/chain.js';
export type { Clearable, ConfigChange } from './image/change-config.js';
export type { CopyResult } from './image/copy.js';
export type { DigestAlgorithm } from './image/digest.js';
export type { HistoryOptions } from './image/history.js';
export { createLayout, Layout, type LayoutOptions, openLayout } from './image/layout.js';
export { readSmallFile } from './image/layout-files.js';
export type { NewLayer } from './image/mutate.js';
export { type NewImageOptions, newImage } from './image/new.js';
export { type ImageReference, parseImageReference } from './image/references.js';
export type { BlobPlace, GarbageResult } from './image/storage/storage.js';
export type * from './image/types.js';
export { becomeRuntime, type Wrapper } from './inject/become-runtime.js';
export { type CompareOptions, compareTrees } from './layer/compare-trees.js';
export type { EntryJson, XattrJson } from './layer/entries/json.js';
export { type GenerateOptions, generateLayer } from './layer/generate/generate.js';
export { generateTree, type TreeOptions } from './layer/generate/tree.js';
export { writeTar, writeTarFile } from './layer/generate/write-file.js';
export { type HoleBudget, holeBudget } from './layer/holes.js';
export { isHostXattr } from './layer/host-xattrs.js';
export type { FileChange } from './layer/merged/compare.js';
export type * from './layer/types.js';
export * from './layer/walk/index.js';
export { packageVersion } from './places.js';
export * from './points/points.js';
export { Slot } from './points/slot.js';
export type { RuntimeSpec } from './spec/types.js';
export * from './system/bytes.js';
export { readInRootfs } from './system/confined.js';
export * from './system/logger.js';
export { publish } from './system/publish.js';
export * from './system/regular-file.js';
export { checkpoint, inTurns, type Steps } from './system/steps.js';
export type { OnProgress, WorkProgress } from './system/work-progress.js';
export { replaceFile, writeFileAtomic } from './system/write-file.js';
export { explainSpace } from './terminal/explain-space.js';
export { type ProgressBars, progressBars } from './terminal/progress/bars.js';
export { formatCounted } from './text/counted.js';
export type { EncodedName } from './text/json-names.js';
