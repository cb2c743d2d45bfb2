import { constants } from 'node:fs';
import type { ByteString } from './bytes.js';
import { close } from './close.js';
import { E } from './errno.js';
import { type AtPath, cString, libcFunction, result } from './libc.js';
import { pathMax } from './path-limits.js';

const open = libcFunction<[...AtPath, flags: number, mode: number]>('int openat(int, void*, int, uint)');
const directoryOnly = 0o10000000 | 0o2000000 | constants.O_DIRECTORY; // O_PATH, O_CLOEXEC

/** True if the kernel refuses a path only because of its length. Containers make such paths with mkdir and chdir. */
export function isLong(path: ByteString): boolean {
  return path.length >= pathMax;
}

/**
 * Runs a call on a path that {@link isLong}: with the open directory that a first part of the path leads to, and the rest.
 *
 * @param rest the arguments of `call` behind the path
 * @returns what `call` returned, or the negative errno of the first part
 */
export function farther<Rest extends unknown[]>(
  call: (dirfd: number, path: ByteString, ...rest: Rest) => number,
  dirfd: number,
  path: ByteString,
  ...rest: Rest
): number {
  const cut = path.lastIndexOf('/', pathMax - 1);
  if (cut < 1) return -E.ENAMETOOLONG;
  const fd = result(open(dirfd, cString(path.slice(0, cut)), directoryOnly, 0));
  if (fd < 0) return fd;
  try {
    return call(fd, path.slice(cut).replace(/^\/+/, '') || '.', ...rest);
  } finally {
    close(fd);
  }
}
