import type { FileTime } from './attributes.js';
import type { ByteString } from './bytes.js';
import { E, SystemError } from './errno.js';
import { S } from './files.js';
import { cString, result, syscallFunction } from './libc.js';
import { farther, isLong } from './long-path.js';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_ATTR_MOUNT_ROOT = 0x2000;
const statxSize = 256;
/** Bytes of a block in st_blocks, the same for all filesystems; stat(3type). */
export const statBlockBytes = 512;
/** factor of the upper word of a 64-bit number */
const high = 0x100000000;

const statx = syscallFunction<[number, Buffer, flags: number, mask: number, out: Buffer]>(
  'statx',
  'long, void*, long, long, void*',
);

/** The result of statx(2) for one file. One buffer can be filled many times; the getters read the kernel's struct. */
export class StatBuffer {
  readonly bytes = Buffer.alloc(statxSize);
  /** the same bytes as 32-bit words, for callers that copy or compare many of them */
  readonly words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, statxSize / 4);

  get nlink(): number {
    return this.words[4]!;
  }
  get uid(): number {
    return this.words[5]!;
  }
  get gid(): number {
    return this.words[6]!;
  }
  /** one of {@link S}, as a number */
  get type(): number {
    return this.words[7]! & S.IFMT;
  }
  /** permission, setuid, setgid and sticky bits, without the type */
  get mode(): number {
    return this.words[7]! & 0o7777;
  }
  get ino(): bigint {
    return (BigInt(this.inoHigh) << 32n) | BigInt(this.inoLow);
  }
  get inoLow(): number {
    return this.words[8]!;
  }
  get inoHigh(): number {
    return this.words[9]!;
  }
  get size(): number {
    return this.words[10]! + this.words[11]! * high;
  }
  /** blocks of {@link statBlockBytes} that are allocated */
  get blocks(): number {
    return this.words[12]! + this.words[13]! * high;
  }
  get ctimeSec(): number {
    return this.words[24]! + (this.words[25]! | 0) * high;
  }
  get ctimeNsec(): number {
    return this.words[26]!;
  }
  get mtimeSec(): number {
    return this.words[28]! + (this.words[29]! | 0) * high;
  }
  get mtimeNsec(): number {
    return this.words[30]!;
  }
  get mtime(): FileTime {
    return { sec: this.mtimeSec, nsec: this.mtimeNsec };
  }
  get rdevMajor(): number {
    return this.words[32]!;
  }
  get rdevMinor(): number {
    return this.words[33]!;
  }
  get devMajor(): number {
    return this.words[34]!;
  }
  get devMinor(): number {
    return this.words[35]!;
  }

  /** true if the file is the root of a mount; undefined before Linux 5.8, which does not report it */
  get isMountRoot(): boolean | undefined {
    return this.words[14]! & STATX_ATTR_MOUNT_ROOT
      ? (this.words[2]! & STATX_ATTR_MOUNT_ROOT) !== 0
      : undefined;
  }

  get isDirectory(): boolean {
    return this.type === S.IFDIR;
  }
  get isFile(): boolean {
    return this.type === S.IFREG;
  }
  get isSymlink(): boolean {
    return this.type === S.IFLNK;
  }
}

/**
 * Fills `out` with the status of `path`, without following a symlink; statx(2).
 *
 * @returns false if the path does not exist (ENOENT, ENOTDIR)
 * @throws SystemError
 */
export function statAt(dirfd: number, path: ByteString, out: StatBuffer): boolean {
  const done = tryStatAt(dirfd, path, out);
  if (done >= 0) return true;
  if (done === -E.ENOENT || done === -E.ENOTDIR) return false;
  throw new SystemError(-done, 'statx', path);
}

function tryStatAt(dirfd: number, path: ByteString, out: StatBuffer): number {
  if (isLong(path)) return farther(tryStatAt, dirfd, path, out);
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  return result(statx(dirfd, cString(path), flags, STATX_BASIC_STATS, out.bytes));
}

/** Fills `out` with the status of the file open as `fd`, also with O_PATH. `path` is used in the error only. */
export function statFd(fd: number, out: StatBuffer, path: ByteString = `fd ${fd}`): void {
  const done = result(statx(fd, cString(''), AT_EMPTY_PATH, STATX_BASIC_STATS, out.bytes));
  if (done < 0) throw new SystemError(-done, 'statx', path);
}

/** Returns device and inode of a file as text. */
export function inodeNumber({ devMajor, devMinor, ino }: StatBuffer): string {
  return `${devMajor}:${devMinor}:${ino}`;
}

/** True if a name in an open directory leads to the open file `fd`. @throws SystemError */
export function isNamed(directory: number, name: ByteString, fd: number): boolean {
  const [named, opened] = [new StatBuffer(), new StatBuffer()];
  if (!statAt(directory, name, named)) return false;
  statFd(fd, opened, name);
  return inodeNumber(named) === inodeNumber(opened) && named.type === opened.type;
}
