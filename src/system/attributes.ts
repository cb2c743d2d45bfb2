import type { ByteString } from './bytes.js';
import { AT_FDCWD, type AtPath, check, cString, libcFunction, result } from './libc.js';
import { farther, isLong } from './long-path.js';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
/** A time since the epoch. */
export interface FileTime {
  sec: number;
  nsec: number;
}

/** In place of a time: leaves that time unchanged; utimensat(2), UTIME_OMIT. */
export const unchangedTime: FileTime = { sec: 0, nsec: 0x3ffffffe };
/** In place of a time: the current time; utimensat(2), UTIME_NOW. */
export const currentTime: FileTime = { sec: 0, nsec: 0x3fffffff };

const native = {
  fchownat: libcFunction<[...AtPath, uid: number, gid: number, flags: number]>(
    'int fchownat(int, void*, uint, uint, int)',
  ),
  fchown: libcFunction<[fd: number, uid: number, gid: number]>('int fchown(int, uint, uint)'),
  fchmodat: libcFunction<[...AtPath, mode: number, flags: number]>('int fchmodat(int, void*, uint, int)'),
  fchmod: libcFunction<[fd: number, mode: number]>('int fchmod(int, uint)'),
  utimensat: libcFunction<[...AtPath, times: Buffer, flags: number]>('int utimensat(int, void*, void*, int)'),
  futimens: libcFunction<[fd: number, times: Buffer]>('int futimens(int, void*)'),
};

/** Changes the owner of a file, or of a symlink itself; fchownat(2). */
export function fchownat(dirfd: number, path: ByteString, uid: number, gid: number): void {
  check(tryFchownat(dirfd, path, uid, gid), 'fchownat', path);
}

function tryFchownat(dirfd: number, path: ByteString, uid: number, gid: number): number {
  if (isLong(path)) return farther(tryFchownat, dirfd, path, uid, gid);
  return result(native.fchownat(dirfd, cString(path), uid, gid, AT_SYMLINK_NOFOLLOW));
}

/** Changes the owner of an open file; fchown(2). `path` is used in the error only. */
export function fchown(fd: number, uid: number, gid: number, path: ByteString): void {
  check(result(native.fchown(fd, uid, gid)), 'fchown', path);
}

/** Changes the owner of the file or symlink open as `fd`, also with O_PATH; fchownat(2). `path` is used in the error only. */
export function chownOpened(fd: number, uid: number, gid: number, path: ByteString): void {
  check(result(native.fchownat(fd, cString(''), uid, gid, AT_EMPTY_PATH)), 'fchownat', path);
}

/** Changes the mode of the file open as `fd`, also with O_PATH; it must not be a symlink. Needs /proc. */
export function chmodOpened(fd: number, mode: number): void {
  fchmodat(AT_FDCWD, `/proc/self/fd/${fd}`, mode);
}

/** Changes the mode; fchmodat(2). Follows a symlink: the caller must know that the last component is another type. */
export function fchmodat(dirfd: number, path: ByteString, mode: number): void {
  check(tryFchmodat(dirfd, path, mode), 'fchmodat', path);
}

function tryFchmodat(dirfd: number, path: ByteString, mode: number): number {
  if (isLong(path)) return farther(tryFchmodat, dirfd, path, mode);
  return result(native.fchmodat(dirfd, cString(path), mode, 0));
}

/** Changes the mode of an open file; fchmod(2). `path` is used in the error only. */
export function fchmod(fd: number, mode: number, path: ByteString): void {
  check(result(native.fchmod(fd, mode)), 'fchmod', path);
}

const times = Buffer.alloc(32);
const times32 = new Int32Array(times.buffer, times.byteOffset, 8);

/** Sets access and modification time of a file, or of a symlink itself; utimensat(2). */
export function utimensat(dirfd: number, path: ByteString, atime: FileTime, mtime: FileTime): void {
  fillTimes(atime, mtime);
  check(tryUtimensat(dirfd, path), 'utimensat', path);
}

/** Sets the times that are in `times`. */
function tryUtimensat(dirfd: number, path: ByteString): number {
  if (isLong(path)) return farther(tryUtimensat, dirfd, path);
  return result(native.utimensat(dirfd, cString(path), times, AT_SYMLINK_NOFOLLOW));
}

/** Does the same as {@link utimensat} for an open file. `path` is used in the error only. */
export function futimens(fd: number, atime: FileTime, mtime: FileTime, path: ByteString): void {
  fillTimes(atime, mtime);
  check(result(native.futimens(fd, times)), 'futimens', path);
}

/** Fills the array of two `struct timespec`. */
function fillTimes(atime: FileTime, mtime: FileTime): void {
  fillTime(0, atime);
  fillTime(4, mtime);
}

function fillTime(at: number, { sec, nsec }: FileTime): void {
  times32[at] = sec;
  times32[at + 1] = Math.floor(sec / 0x100000000);
  times32[at + 2] = nsec;
  times32[at + 3] = 0;
}
