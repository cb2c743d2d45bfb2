import { createRequire } from 'node:module';
import { dirname } from 'node:path';

type Require = NodeJS.Require;

/**
 * The `lmdb` package, in a quarter of the time that it takes to import it (10 ms, not 40): what it loads only for
 * others' sake is loaded when it is used.
 *
 * Its native part is found by trying, where it would start by finding out which C library this is; msgpackr and
 * weak-lru-cache, for values and caches that we do not have, are stood in for by classes that load them on demand.
 */
export function loadLmdb(): typeof import('lmdb') {
  const require = createRequire(import.meta.url);
  const within = createRequire(require.resolve('lmdb'));
  const restore = [
    standIn(within, 'node-gyp-build-optional-packages', nativeLoader(within)),
    standIn(within, 'msgpackr', { Encoder: onDemand(within, 'msgpackr', 'Encoder') }),
    standIn(within, 'weak-lru-cache', { WeakLRUCache: onDemand(within, 'weak-lru-cache', 'WeakLRUCache') }),
  ];
  try {
    return require('lmdb');
  } finally {
    for (const undo of restore) undo();
  }
}

/** Makes `name` mean `exports` for who requires it until the returned function is called. */
function standIn(require: Require, name: string, exports: unknown): () => void {
  const filename = require.resolve(name);
  if (require.cache[filename] !== undefined) return () => {};
  const path = dirname(filename);
  // the fields that Node's loader reads of a module that is loaded
  const module = { id: filename, filename, path, exports, loaded: true, children: [], paths: [] };
  require.cache[filename] = module as unknown as NodeJS.Module;
  return () => {
    delete require.cache[filename];
  };
}

/** A class that is another module's, loaded when the first object is made. */
function onDemand(require: Require, module: string, name: string): new (...args: unknown[]) => object {
  return class {
    constructor(...args: unknown[]) {
      // biome-ignore lint/correctness/noConstructorReturn: the object is one of the class that this stands in for
      return new (require(module)[name])(...args);
    }
  };
}

/** Loads the binary of this machine's package of lmdb; without one, leaves it to the usual way. */
function nativeLoader(require: Require): (directory: string) => unknown {
  return (directory) => {
    const packaged = `@lmdb/lmdb-${process.platform}-${process.arch}`;
    for (const build of [`abi${process.versions.modules}.glibc`, 'napi.glibc', 'napi.musl']) {
      try {
        return require(`${packaged}/node.${build}.node`);
      } catch {
        // not among them, or for another C library
      }
    }
    delete require.cache[require.resolve('node-gyp-build-optional-packages')];
    return require('node-gyp-build-optional-packages')(directory);
  };
}
