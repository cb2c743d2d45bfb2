/**
 * The package node-gyp-build-optional-packages in the bundle (build.js), which has lmdb too: it finds the native part of
 * lmdb by trying, where the package first finds out the system's C library. Unbundled and found that way, lmdb adds 5 ms
 * of CPU time to the 58 ms of a warm unpack (node 24).
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/**
 * Loads lmdb's native part.
 *
 * @throws Error if it is not installed for this system
 */
export default function loadAddon(): unknown {
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  const require = createRequire(lmdb);
  const packaged = `@lmdb/lmdb-${process.platform}-${process.arch}`;
  for (const build of [`abi${process.versions.modules}.glibc`, 'napi.glibc', 'napi.musl']) {
    try {
      return require(`${packaged}/node.${build}.node`);
    } catch {
      // missing, or built for another C library
    }
  }
  // lmdb/dist/index.cjs; compiled at its installation, the native part is in lmdb/build
  return require(require.resolve('node-gyp-build-optional-packages'))(dirname(dirname(lmdb)));
}
