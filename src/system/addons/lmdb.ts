/**
 * Replaces the package node-gyp-build-optional-packages in the bundle (build.js), which includes lmdb: tries the native
 * parts of lmdb in turn. The package detects the system's C library first; with it, and with lmdb unbundled, a warm
 * unpack takes 5 ms of CPU time more than 58 ms (node 24).
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { requireOf } from './require-of.js';

/**
 * Loads the native part of lmdb.
 *
 * @throws Error if no native part for this system is installed
 */
export default function loadAddon(): unknown {
  const require = requireOf('lmdb');
  const packaged = `@lmdb/lmdb-${process.platform}-${process.arch}`;
  for (const build of [`abi${process.versions.modules}.glibc`, 'napi.glibc', 'napi.musl']) {
    try {
      return require(`${packaged}/node.${build}.node`);
    } catch {
      // missing, or built for another C library
    }
  }
  // `lmdb` is lmdb/dist/index.cjs; an installation that compiles lmdb puts the native part into lmdb/build
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  return require(require.resolve('node-gyp-build-optional-packages'))(dirname(dirname(lmdb)));
}
