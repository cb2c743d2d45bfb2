/** `layerhook/snapshotter`: the layer store as a containerd snapshotter, and the client of any such. */

export { type ServeOptions, serveSnapshotter } from './engine/serve-snapshotter.js';
export {
  type Answered,
  CallMetrics,
  type ContainerdSnapshotter,
  connectSnapshotter,
  type SnapshotService,
  serveMetrics,
} from './snapshotter/index.js';
