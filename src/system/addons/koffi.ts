/**
 * Replaces the package koffi in the bundle (build.js) by koffi's native part. To choose the native part, koffi reads the
 * node executable to detect the C library, which adds 4 ms of CPU time to the 58 ms of a warm unpack (node 24).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { requireOf } from './require-of.js';

/** loader of the musl C library, present on systems that use musl; ld-musl(8) of Alpine */
const muslLoader = `/lib/ld-musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`;

export default loadKoffi();

function loadKoffi(): unknown {
  const binary = existsSync(muslLoader) ? '' : `/linux_${process.arch}/koffi.node`;
  try {
    return requireOf('koffi')(`@koromix/koffi-linux-${process.arch}${binary}`);
  } catch {
    return createRequire(import.meta.url)('koffi');
  }
}
