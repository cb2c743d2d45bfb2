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
import { utimensat } from '../system/attributes.js';
import { type ByteString, fromText, toBuffer } from '../system/bytes.js';
import { SystemError } from '../system/errno.js';
import { AT_FDCWD, mknodat, S } from '../system/files.js';
import { tryRemoveTreeAt } from '../system/remove.js';
import { removeXattr, setXattr } from '../system/xattr.js';

/** What a container may do to its root filesystem, on names that are bytes. */
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
  /** Writes over a part of a file, as databases do. @param offset bytes */
  writeInPlace(name: ByteString, offset: number, content: string): void {
    const fd = openSync(this.#at(name), 'r+');
    writeSync(fd, content, offset);
    closeSync(fd);
  }
  /** @param size bytes */
  truncate(name: ByteString, size: number): void {
    truncateSync(this.#at(name), size);
  }
  /** Writes other content of the same size, and puts the file's time back. */
  rewriteQuietly(name: ByteString, content: string): void {
    const { atimeNs, mtimeNs } = lstatSync(this.#at(name), { bigint: true });
    writeFileSync(this.#at(name), content, { flag: 'r+' });
    this.#times(name, atimeNs, mtimeNs);
  }
  /** Opens for writing, as a copy-up needs no more. */
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
  /** rename(2), and where that cannot be (directories of lower layers on overlayfs) what mv(1) does instead. */
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
  /** Keeps the second. @param nsec nanoseconds of it */
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
    utimensat(AT_FDCWD, `${this.#root}/${name}`, ...split(atimeNs), ...split(mtimeNs));
  }
}

function split(ns: bigint): [sec: number, nsec: number] {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}
