/** The layer store, as drivers, hooks and programs use it. */

export type * from './bundles/types.js';
export { hasMetadata } from './exists.js';
export { filesDiffer } from './files-differ.js';
export { openStore } from './open.js';
export type * from './types.js';
