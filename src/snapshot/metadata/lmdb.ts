import Module, { createRequire } from 'node:module';

type Require = NodeJS.Require;
// biome-ignore lint/suspicious/noExplicitAny: other packages' functions, handed on as they are
type AnyFunction = (...args: any[]) => unknown;

/**
 * The `lmdb` package, in a quarter of the time that it takes to import it (10 ms, not 40): what opening a database does
 * not need is loaded when it is used.
 *
 * Its native part is found by trying, where it would start by finding out which C library this is. The packages that it
 * requires for keys, values, caches and iterators are stood in for while it loads, by what loads them on demand: the
 * `lmdb` that it gives does all that it does otherwise.
 */
export function loadLmdb(): typeof import('lmdb') {
  const require = createRequire(import.meta.url);
  const within = createRequire(require.resolve('lmdb'));
  const standIns = new Map<string, unknown>([
    ['node-gyp-build-optional-packages', nativeLoader(within)],
    ['msgpackr', { Encoder: lazyClass(() => within('msgpackr').Encoder) }],
    ['weak-lru-cache', { WeakLRUCache: lazyClass(() => within('weak-lru-cache').WeakLRUCache) }],
    ['ordered-binary', lazyKeys(within)],
    ['@harperfast/extended-iterable', lazyIterables(within)],
  ]);
  return withStandIns(standIns, () => require('lmdb'));
}

/**
 * Runs `load`, while what is required by a name in `standIns` is that: each name that node looks up in the file system takes
 * half a millisecond.
 */
function withStandIns<T>(standIns: ReadonlyMap<string, unknown>, load: () => T): T {
  const loader: { require: (this: unknown, name: string) => unknown } = Module.prototype;
  const usual = loader.require;
  loader.require = function (name) {
    return standIns.has(name) ? standIns.get(name) : usual.call(this, name);
  };
  try {
    return load();
  } finally {
    loader.require = usual;
  }
}

/** A class that is loaded when the first object is made of it. */
function lazyClass(load: () => new (...args: unknown[]) => object): new (...args: unknown[]) => object {
  return class {
    constructor(...args: unknown[]) {
      // biome-ignore lint/correctness/noConstructorReturn: the object is one of the class that this stands in for
      return new (load())(...args);
    }
  };
}

/** ordered-binary, whose functions lmdb takes while it loads; it wants keys to end with a NUL. */
function lazyKeys(require: Require): Record<string, AnyFunction> {
  const load = (): Record<string, AnyFunction> => {
    const keys = require('ordered-binary');
    keys.enableNullTermination();
    return keys;
  };
  const names = ['writeKey', 'readKey', 'compareKeys', 'toBufferKey', 'fromBufferKey'];
  const functions = names.map((name) => [name, (...args: unknown[]) => load()[name]!(...args)]);
  return { ...Object.fromEntries(functions), enableNullTermination: () => {} };
}

function lazyIterables(require: Require): object {
  const load = () => require('@harperfast/extended-iterable');
  return {
    get ExtendedIterable() {
      return load().ExtendedIterable;
    },
    get SKIP() {
      return load().SKIP;
    },
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
    const usual = require.resolve('node-gyp-build-optional-packages');
    return require(usual)(directory);
  };
}
