/** `layerhook/snapshot`: the layer store, as drivers, hooks and programs use it. */
export type * from './types.js';
