import { readFileSync } from 'node:fs';

/** Files of this package that are found by their address: from here, or from the bundle, which is as deep in the package. */
export const packageFile = new URL('../../package.json', import.meta.url);
/** Directory of the templates that `hooks new` fills in. */
export const skeletons = new URL('docs/skeletons/', packageFile);
/** The page of `inspect --html`, without data (scripts/build-page.js). */
export const inspectPageFile = new URL('dist/bundle/inspect-page.html', packageFile);
export const applyThreadFile = threadFile('layer/apply/worker');
export const treeThreadFile = threadFile('snapshotter/tree-worker');
export const sourceThreadFile = threadFile('layer/stream/source-worker');
export const hashThreadFile = threadFile('layer/stream/hash-worker');

/** Returns the version of this package. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
}

/** Returns the bundled file of a thread, for the library too: a thread starts in 52 ms of CPU with it, in 100 ms with hundreds of modules. */
function threadFile(name: string): URL {
  return new URL(`dist/bundle/${name}.cjs`, packageFile);
}
