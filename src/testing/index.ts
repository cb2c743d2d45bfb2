/**
 * `layerhook/testing`: conformance suites for storage drivers and Snapshotters, for any test runner, and their parts:
 * hand-made tars and images, listings of trees, and a simple model of how layers are applied.
 *
 * @module layerhook/testing
 */
export { type CaseWords, type ConformanceCase, conformanceCase, type Need } from './case.js';
export type { DriverCase, DriverHarness } from './driver/harness.js';
export { driverSuite } from './driver/suite.js';
export { type BuiltImage, type ImageOptions, type RawLayer, writeImage } from './image.js';
export { LayerModel } from './model.js';
export { type LayerEntry, readLayer } from './read-layer.js';
export type { SnapshotterCase, SnapshotterHarness } from './snapshotter/harness.js';
export { snapshotterSuite } from './snapshotter/suite.js';
export { paxRecords, type RawEntry, type RawType, tar, utf8 } from './tar.js';
export { diffTrees, readTree, type Tree, type TreeEntry } from './tree.js';
