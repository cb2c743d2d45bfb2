export { blameBlob } from './blame-blob.js';
export { canReadDirectly, type DirectLayer, DirectSource, openDirectly } from './direct-source.js';
export type { SourceSummary } from './messages.js';
export { createControl, createRing, expectHasher, failRing, ringCounters } from './ring.js';
export { hashRing, RingReader } from './ring-reader.js';
export { RingWriter } from './ring-writer.js';
export { type OpenSource, SourceThread } from './source-thread.js';
export { isSmall, readWholeLayer, reusedMemory } from './whole-layer.js';
