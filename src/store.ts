/**
 * `layerhook/store`: the layer store, the store as a containerd snapshotter, and a client of any proxy snapshotter.
 *
 * @module layerhook/store
 */

export { type ServeOptions, serveSnapshotter } from './engine/serve-snapshotter.js';
export { ErofsImage, type ErofsImageOptions, erofsTarOffset, whyNotErofs } from './erofs/index.js';
export {
  type Answered,
  CallMetrics,
  type ContainerdSnapshotter,
  connectSnapshotter,
  type SnapshotService,
  serveMetrics,
} from './snapshotter/index.js';
export * from './store/index.js';
