export { blameBlob } from './blame-blob.js';
export type { SourceSummary } from './messages.js';
export { createRing, failRing, RingReader, RingWriter, ringCounters } from './ring.js';
export { type OpenSource, SourceThread } from './source-thread.js';
export { isSmall, readWholeLayer } from './whole-layer.js';
