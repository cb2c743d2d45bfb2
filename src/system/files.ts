import { constants, ftruncateSync, writeSync } from 'node:fs';
import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { AT_FDCWD, type AtPath, check, cString, libcFunction, result, syscallFunction } from './libc.js';
import { farther, isLong } from './long-path.js';

export { close, closeWritten } from './close.js';
export { AT_FDCWD } from './libc.js';

/** Flags of open(2), with the numbers of this machine. */
export const O = {
  RDONLY: constants.O_RDONLY,
  WRONLY: constants.O_WRONLY,
  RDWR: constants.O_RDWR,
  CREAT: constants.O_CREAT,
  EXCL: constants.O_EXCL,
  TRUNC: constants.O_TRUNC,
  DIRECTORY: constants.O_DIRECTORY,
  NOFOLLOW: constants.O_NOFOLLOW,
  NONBLOCK: constants.O_NONBLOCK,
  NOCTTY: constants.O_NOCTTY,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** File types of st_mode; inode(7). */
export const S = {
  IFMT: constants.S_IFMT,
  IFIFO: constants.S_IFIFO,
  IFCHR: constants.S_IFCHR,
  IFDIR: constants.S_IFDIR,
  IFBLK: constants.S_IFBLK,
  IFREG: constants.S_IFREG,
  IFLNK: constants.S_IFLNK,
  IFSOCK: constants.S_IFSOCK,
} as const;

export const AT_REMOVEDIR = 0x200;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
const AT_SYMLINK_FOLLOW = 0x400;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const native = {
  openat: libcFunction<[...AtPath, flags: number, mode: number]>('int openat(int, void*, int, uint)'),
  mkdirat: libcFunction<[...AtPath, mode: number]>('int mkdirat(int, void*, uint)'),
  symlinkat: libcFunction<[target: Buffer, ...AtPath]>('int symlinkat(void*, int, void*)'),
  linkat: libcFunction<[...AtPath, number, Buffer, number]>('int linkat(int, void*, int, void*, int)'),
  unlinkat: libcFunction<[...AtPath, flags: number]>('int unlinkat(int, void*, int)'),
  renameat2: syscallFunction<[...AtPath, number, Buffer, number]>(
    'renameat2',
    'long, void*, long, void*, long',
  ),
  mknodat: syscallFunction<[...AtPath, mode: number, dev: number]>('mknodat', 'long, void*, long, long'),
  lseek: libcFunction<[fd: number, offset: number, whence: number]>('long lseek(int, int64, int)'),
  readlinkat: libcFunction<[...AtPath, out: Buffer, size: number]>(
    'long readlinkat(int, void*, void*, size_t)',
  ),
};

/**
 * Opens a file; openat(2). O_CLOEXEC is always set.
 *
 * @returns the file descriptor
 * @throws SystemError, as do all functions of this file without `try` in their names
 */
export function openat(dirfd: number, path: ByteString, flags: number, mode = 0): number {
  return check(tryOpenat(dirfd, path, flags, mode), 'openat', path);
}

/** Does the same as {@link openat}, but returns a negative errno: for callers that expect failures, since throwing is slow. */
export function tryOpenat(dirfd: number, path: ByteString, flags: number, mode = 0): number {
  if (isLong(path)) return farther(tryOpenat, dirfd, path, flags, mode);
  return result(native.openat(dirfd, cString(path), flags | O.CLOEXEC, mode));
}

/** Creates a directory; mkdirat(2). The umask applies. */
export function mkdirat(dirfd: number, path: ByteString, mode: number): void {
  check(tryMkdirat(dirfd, path, mode), 'mkdirat', path);
}

/** Does the same as {@link mkdirat}. Returns 0 or a negative errno. */
export function tryMkdirat(dirfd: number, path: ByteString, mode: number): number {
  if (isLong(path)) return farther(tryMkdirat, dirfd, path, mode);
  return result(native.mkdirat(dirfd, cString(path), mode));
}

/** Creates a symlink with the unchanged target; symlinkat(2). */
export function symlinkat(target: ByteString, dirfd: number, path: ByteString): void {
  check(trySymlinkat(target, dirfd, path), 'symlinkat', path);
}

/** Does the same as {@link symlinkat}. Returns 0 or a negative errno. */
export function trySymlinkat(target: ByteString, dirfd: number, path: ByteString): number {
  return result(native.symlinkat(cString(target), dirfd, cString(path, 1)));
}

/** Creates `newPath` as a hardlink to `path`; linkat(2). If `path` is a symlink, links to the symlink itself. */
export function linkat(dirfd: number, path: ByteString, newDirfd: number, newPath: ByteString): void {
  check(tryLinkat(dirfd, path, newDirfd, newPath), 'linkat', newPath);
}

/** Does the same as {@link linkat}. Returns 0 or a negative errno. */
export function tryLinkat(dirfd: number, path: ByteString, newDirfd: number, newPath: ByteString): number {
  if (isLong(path)) return farther(tryLinkat, dirfd, path, newDirfd, newPath);
  if (isLong(newPath)) return farther(tryLinkNew, newDirfd, newPath, dirfd, path);
  return result(native.linkat(dirfd, cString(path), newDirfd, cString(newPath, 1), 0));
}

/** Does the same as {@link tryLinkat}, with the new name first. */
function tryLinkNew(newDirfd: number, newPath: ByteString, dirfd: number, path: ByteString): number {
  return tryLinkat(dirfd, path, newDirfd, newPath);
}

/** Creates `newPath` as a hardlink to the file or symlink open as `fd`, also with O_PATH; linkat(2). Needs /proc. */
export function linkOpened(fd: number, newDirfd: number, newPath: ByteString): void {
  const opened = cString(`/proc/self/fd/${fd}`);
  check(
    result(native.linkat(AT_FDCWD, opened, newDirfd, cString(newPath, 1), AT_SYMLINK_FOLLOW)),
    'linkat',
    newPath,
  );
}

/** Removes a name, or with AT_REMOVEDIR an empty directory; unlinkat(2). */
export function unlinkat(dirfd: number, path: ByteString, flags: 0 | typeof AT_REMOVEDIR = 0): void {
  check(tryUnlinkat(dirfd, path, flags), 'unlinkat', path);
}

/** Does the same as {@link unlinkat}. Returns 0 or a negative errno. */
export function tryUnlinkat(dirfd: number, path: ByteString, flags: 0 | typeof AT_REMOVEDIR = 0): number {
  if (isLong(path)) return farther(tryUnlinkat, dirfd, path, flags);
  return result(native.unlinkat(dirfd, cString(path), flags));
}

/** Renames a file or directory; renameat2(2). `flags`: 0, RENAME_NOREPLACE or RENAME_EXCHANGE. */
export function renameat2(
  dirfd: number,
  path: ByteString,
  newDirfd: number,
  newPath: ByteString,
  flags: number,
): void {
  check(
    result(native.renameat2(dirfd, cString(path), newDirfd, cString(newPath, 1), flags)),
    'renameat2',
    path,
  );
}

/** Creates a device, FIFO or socket; mknodat(2). `mode` includes the type; the umask applies. */
export function mknodat(dirfd: number, path: ByteString, mode: number, major = 0, minor = 0): void {
  check(tryMknodat(dirfd, path, mode, major, minor), 'mknodat', path);
}

/** Does the same as {@link mknodat}. Returns 0 or a negative errno; EINVAL for device numbers that Linux cannot represent. */
export function tryMknodat(dirfd: number, path: ByteString, mode: number, major = 0, minor = 0): number {
  if (!(major >= 0 && major <= 0xfff && minor >= 0 && minor <= 0xfffff)) return -E.EINVAL;
  if (isLong(path)) return farther(tryMknodat, dirfd, path, mode, major, minor);
  return result(native.mknodat(dirfd, cString(path), mode, encodeDevice(major, minor)));
}

const linkBuffer = Buffer.alloc(4096);

/** Returns the target of a symlink; readlinkat(2). */
export function readlinkat(dirfd: number, path: ByteString): ByteString {
  return linkBuffer.toString('latin1', 0, check(tryReadlinkat(dirfd, path), 'readlinkat', path));
}

/** Reads the target of a symlink into `linkBuffer`. Returns its length or a negative errno. */
function tryReadlinkat(dirfd: number, path: ByteString): number {
  if (isLong(path)) return farther(tryReadlinkat, dirfd, path);
  return result(native.readlinkat(dirfd, cString(path), linkBuffer, linkBuffer.length));
}

/** Writes all of `data` at `position`; null: at the file's current position. */
export function writeAll(fd: number, data: Uint8Array, position: number | null): void {
  for (let done = 0; done < data.length; ) {
    done += writeSync(fd, data, done, data.length - done, position === null ? null : position + done);
  }
}

/**
 * Returns the offset of the next data (not a hole) in a file, at or after `offset`; lseek(2), SEEK_DATA.
 *
 * @returns null if only a hole or the end of the file follows
 */
export function nextData(fd: number, offset: number): number | null {
  const found = result(native.lseek(fd, offset, SEEK_DATA));
  return found === -E.ENXIO ? null : check(found, 'lseek', `fd ${fd}`);
}

/** Returns the offset of the next hole at or after `offset`, or the end of the file; lseek(2), SEEK_HOLE. */
export function nextHole(fd: number, offset: number): number {
  return check(result(native.lseek(fd, offset, SEEK_HOLE)), 'lseek', `fd ${fd}`);
}

/** Sets the size of a file; ftruncate(2). Added space is a hole. */
export function ftruncate(fd: number, size: number): void {
  ftruncateSync(fd, size);
}

/** Returns a device number as mknodat(2) expects it; new_encode_dev of the kernel. */
function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
