/** The layer store as a containerd snapshotter, and a client for any containerd snapshotter. */

export { type ContainerdSnapshotter, connectSnapshotter } from './client.js';
export { ErofsLayers } from './erofs-layers.js';
export type { GuardOptions } from './guarded.js';
export type { Answered } from './handlers.js';
export { checkHealth } from './health.js';
export type { LayerHookOptions } from './layer-hooks.js';
export type { ExtractedLayer, LayerRequest, ProvideLayer } from './layer-request.js';
export { CallMetrics } from './metrics.js';
export { serveMetrics } from './metrics-server.js';
export { type ServeOptions, type SnapshotService, serveSnapshotter } from './server.js';
