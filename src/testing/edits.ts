import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { type FileTime, utimensat } from '../system/attributes.js';
import { type ByteString, fromText, toBuffer } from '../system/bytes.js';
import { SystemError } from '../system/errno.js';
import { AT_FDCWD, mknodat, S } from '../system/files.js';
import { tryRemoveTreeAt } from '../system/remove.js';
import { removeXattr, setXattr } from '../system/xattr.js';

/** Changes that a container may make to its rootfs. Names are bytes. */
export class Edits {
  readonly #root: ByteString;

  constructor(rootfs: string) {
    this.#root = fromText(rootfs);
  }

  write(name: ByteString, content: string): void {
    writeFileSync(this.#at(name), content);
  }
  append(name: ByteString, content: string): void {
    appendFileSync(this.#at(name), content);
  }
  /** Overwrites a part of a file, as databases do. @param offset in bytes */
  writeInPlace(name: ByteString, offset: number, content: string): void {
    const fd = openSync(this.#at(name), 'r+');
    writeSync(fd, content, offset);
    closeSync(fd);
  }
  /** @param size in bytes */
  truncate(name: ByteString, size: number): void {
    truncateSync(this.#at(name), size);
  }
  /** Writes other content of the same size, and restores the file's times. */
  rewriteQuietly(name: ByteString, content: string): void {
    const { atimeNs, mtimeNs } = lstatSync(this.#at(name), { bigint: true });
    writeFileSync(this.#at(name), content, { flag: 'r+' });
    this.#times(name, atimeNs, mtimeNs);
  }
  /** Opens a file for writing without changing it, which is enough for a copy-up. */
  touchNothing(name: ByteString): void {
    closeSync(openSync(this.#at(name), 'r+'));
  }
  mkdir(name: ByteString, mode = 0o755): void {
    mkdirSync(this.#at(name));
    chmodSync(this.#at(name), mode);
  }
  remove(name: ByteString): void {
    const done = tryRemoveTreeAt(AT_FDCWD, `${this.#root}/${name}`);
    if (done < 0) throw new SystemError(-done, 'unlinkat', name);
  }
  /** Renames with rename(2), or copies and removes as mv(1) does for directories of lower layers on overlayfs (EXDEV). */
  rename(from: ByteString, to: ByteString): void {
    try {
      renameSync(this.#at(from), this.#at(to));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
      execFileSync('cp', ['-aT', `${this.#at(from)}`, `${this.#at(to)}`]);
      this.remove(from);
    }
  }
  link(from: ByteString, to: ByteString): void {
    linkSync(this.#at(from), this.#at(to));
  }
  symlink(name: ByteString, target: ByteString): void {
    symlinkSync(toBuffer(target), this.#at(name));
  }
  chmod(name: ByteString, mode: number): void {
    chmodSync(this.#at(name), mode);
  }
  chown(name: ByteString, uid: number, gid: number): void {
    lchownSync(this.#at(name), uid, gid);
  }
  /** @param sec seconds since the epoch */
  mtime(name: ByteString, sec: number): void {
    this.#times(name, 0n, BigInt(sec) * 1_000_000_000n);
  }
  /** Sets the nanoseconds of the time, and keeps the seconds. */
  mtimeFraction(name: ByteString, nsec: number): void {
    const { mtimeMs } = lstatSync(this.#at(name));
    this.#times(name, 0n, BigInt(Math.floor(mtimeMs / 1000)) * 1_000_000_000n + BigInt(nsec));
  }
  setXattr(name: ByteString, xattr: string, value: string | Buffer): void {
    setXattr(`${this.#root}/${name}`, xattr, Buffer.from(value));
  }
  removeXattr(name: ByteString, xattr: string): void {
    removeXattr(`${this.#root}/${name}`, xattr);
  }
  fifo(name: ByteString): void {
    mknodat(AT_FDCWD, `${this.#root}/${name}`, S.IFIFO | 0o644);
  }
  device(name: ByteString, major: number, minor: number): void {
    mknodat(AT_FDCWD, `${this.#root}/${name}`, S.IFCHR | 0o644, major, minor);
  }

  #at(name: ByteString): Buffer {
    return toBuffer(`${this.#root}/${name}`);
  }

  #times(name: ByteString, atimeNs: bigint, mtimeNs: bigint): void {
    utimensat(AT_FDCWD, `${this.#root}/${name}`, fileTime(atimeNs), fileTime(mtimeNs));
  }
}

function fileTime(ns: bigint): FileTime {
  return { sec: Number(ns / 1_000_000_000n), nsec: Number(ns % 1_000_000_000n) };
}
