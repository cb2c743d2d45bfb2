/** Files of this package that are found by their address: from here, or from the bundle, which is as deep in the package. */
export const packageFile = new URL('../../package.json', import.meta.url);
export const applyThreadFile = new URL('./layer/apply/worker.js', import.meta.url);
export const treeThreadFile = new URL('./snapshot/service/tree-worker.js', import.meta.url);
export const sourceThreadFile = new URL('./layer/stream/source-worker.js', import.meta.url);
