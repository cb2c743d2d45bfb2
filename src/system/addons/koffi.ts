/**
 * The package koffi in the bundle (build.js): its native part alone. To find it, koffi reads node's own file for the C
 * library, which adds 4 ms of CPU time to the 58 ms of a warm unpack (node 24).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

/** the loader of musl's C library, present where that is the system's; ld-musl(8) of Alpine */
const MUSL = `/lib/ld-musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`;

export default loadKoffi(createRequire(import.meta.url));

function loadKoffi(require: NodeJS.Require): unknown {
  const binary = existsSync(MUSL) ? '' : `/linux_${process.arch}/koffi.node`;
  try {
    return createRequire(require.resolve('koffi'))(`@koromix/koffi-linux-${process.arch}${binary}`);
  } catch {
    return require('koffi');
  }
}
