import type { ByteString } from './bytes.js';
import { E, SystemError } from './errno.js';
import { S } from './files.js';
import { cString, result, syscallFunction } from './libc.js';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_SIZE = 256;

const statx = syscallFunction<[number, Buffer, flags: number, mask: number, out: Buffer]>('statx', [
  'long',
  'void*',
  'long',
  'long',
  'void*',
]);

/** What statx(2) says of one file. Made once and filled again and again; a getter reads the kernel's struct. */
export class StatBuffer {
  readonly bytes = Buffer.alloc(STATX_SIZE);
  /** the same bytes as 32-bit words, for who copies or compares many */
  readonly words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, STATX_SIZE / 4);
  readonly #view = new DataView(this.bytes.buffer, this.bytes.byteOffset, STATX_SIZE);

  get nlink(): number {
    return this.#u32(16);
  }
  get uid(): number {
    return this.#u32(20);
  }
  get gid(): number {
    return this.#u32(24);
  }
  /** one of {@link S}, as a number */
  get type(): number {
    return this.#view.getUint16(28, true) & S.IFMT;
  }
  /** permission, setuid, setgid and sticky bits, without the type */
  get mode(): number {
    return this.#view.getUint16(28, true) & 0o7777;
  }
  get ino(): bigint {
    return this.#view.getBigUint64(32, true);
  }
  get inoLow(): number {
    return this.#u32(32);
  }
  get inoHigh(): number {
    return this.#u32(36);
  }
  get size(): number {
    return this.#u32(40) + this.#u32(44) * 0x100000000;
  }
  /** 512-byte blocks that are allocated */
  get blocks(): number {
    return this.#u32(48) + this.#u32(52) * 0x100000000;
  }
  get ctimeSec(): number {
    return this.#i64(96);
  }
  get ctimeNsec(): number {
    return this.#u32(104);
  }
  get mtimeSec(): number {
    return this.#i64(112);
  }
  get mtimeNsec(): number {
    return this.#u32(120);
  }
  get rdevMajor(): number {
    return this.#u32(128);
  }
  get rdevMinor(): number {
    return this.#u32(132);
  }
  get devMajor(): number {
    return this.#u32(136);
  }
  get devMinor(): number {
    return this.#u32(140);
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

  #u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }
  #i64(offset: number): number {
    return this.#view.getInt32(offset + 4, true) * 0x100000000 + this.#u32(offset);
  }
}

/**
 * Fills `out` with what `path` is, a symlink not followed; statx(2).
 *
 * @returns false if there is nothing (ENOENT, ENOTDIR)
 * @throws SystemError
 */
export function statAt(dirfd: number, path: ByteString, out: StatBuffer): boolean {
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  const done = result(statx(dirfd, cString(path), flags, STATX_BASIC_STATS, out.bytes));
  if (done >= 0) return true;
  if (done === -E.ENOENT || done === -E.ENOTDIR) return false;
  throw new SystemError(-done, 'statx', path);
}

/** Fills `out` with what is open as `fd`, also an O_PATH one. `path` is only for the error. */
export function statFd(fd: number, out: StatBuffer, path: ByteString = `fd ${fd}`): void {
  const done = result(statx(fd, cString(''), AT_EMPTY_PATH, STATX_BASIC_STATS, out.bytes));
  if (done < 0) throw new SystemError(-done, 'statx', path);
}
