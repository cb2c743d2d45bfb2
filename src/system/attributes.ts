import type { ByteString } from './bytes.js';
import { AT_FDCWD, type AtPath, check, cString, libcFunction, result } from './libc.js';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
/** In place of the nanoseconds of a time: leaves that time unchanged; utimensat(2). */
export const UTIME_OMIT = 0x3ffffffe;

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
  check(result(native.fchownat(dirfd, cString(path), uid, gid, AT_SYMLINK_NOFOLLOW)), 'fchownat', path);
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
  check(result(native.fchmodat(dirfd, cString(path), mode, 0)), 'fchmodat', path);
}

/** Changes the mode of an open file; fchmod(2). `path` is used in the error only. */
export function fchmod(fd: number, mode: number, path: ByteString): void {
  check(result(native.fchmod(fd, mode)), 'fchmod', path);
}

const times = Buffer.alloc(32);
const times32 = new Int32Array(times.buffer, times.byteOffset, 8);

/** Sets access and modification time of a file, or of a symlink itself; utimensat(2). UTIME_OMIT as nsec keeps a time. */
export function utimensat(
  dirfd: number,
  path: ByteString,
  atimeSec: number,
  atimeNsec: number,
  mtimeSec: number,
  mtimeNsec: number,
): void {
  fillTimes(atimeSec, atimeNsec, mtimeSec, mtimeNsec);
  check(result(native.utimensat(dirfd, cString(path), times, AT_SYMLINK_NOFOLLOW)), 'utimensat', path);
}

/** Does the same as {@link utimensat} for an open file. `path` is used in the error only. */
export function futimens(
  fd: number,
  atimeSec: number,
  atimeNsec: number,
  mtimeSec: number,
  mtimeNsec: number,
  path: ByteString,
): void {
  fillTimes(atimeSec, atimeNsec, mtimeSec, mtimeNsec);
  check(result(native.futimens(fd, times)), 'futimens', path);
}

function fillTimes(atimeSec: number, atimeNsec: number, mtimeSec: number, mtimeNsec: number): void {
  times32[0] = atimeSec;
  times32[1] = Math.floor(atimeSec / 0x100000000);
  times32[2] = atimeNsec;
  times32[3] = 0;
  times32[4] = mtimeSec;
  times32[5] = Math.floor(mtimeSec / 0x100000000);
  times32[6] = mtimeNsec;
  times32[7] = 0;
}
