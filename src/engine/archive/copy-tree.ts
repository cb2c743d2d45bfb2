import { readSync } from 'node:fs';
import { systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { requireDepth } from '../../layer/walk/index.js';
import { openat as openToRead, readlinkat, statAt } from '../../system/access.js';
import {
  chmodOpened,
  chownOpened,
  fchmod,
  fchown,
  futimens,
  unchangedTime,
  utimensat,
} from '../../system/attributes.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { Descent } from '../../system/descent.js';
import { isErrno, SystemError } from '../../system/errno.js';
import {
  close,
  closeWritten,
  ftruncate,
  linkOpened,
  mkdirat,
  mknodat,
  nextData,
  nextHole,
  O,
  openat,
  symlinkat,
  writeAll,
} from '../../system/files.js';
import { AT_FDCWD } from '../../system/libc.js';
import type { Logger } from '../../system/logger.js';
import { readDirectory } from '../../system/readdir.js';
import { inodeNumber, StatBuffer, statFd } from '../../system/stat.js';
import { inTurns, type Steps } from '../../system/steps.js';
import type { OnProgress } from '../../system/work-progress.js';
import { pathIn } from '../../system/xattr.js';
import { copyXattrs } from './copy-xattrs.js';

export interface CopyOptions {
  signal: AbortSignal;
  log: Logger;
  /** called for each file and each piece of content; `total` is 0, since only the copy finds out what there is */
  onProgress?: OnProgress | undefined;
}

export interface Copied {
  /** size of the content */
  bytes: number;
  entries: number;
}

const chunk = Buffer.allocUnsafe(1024 * 1024);

/**
 * Copies a directory with all types of files, owners, modes, modification times in nanoseconds, extended attributes,
 * hardlinks and holes. Files are opened by their directory, and symlinks are not followed.
 *
 * @param from path of a directory
 * @param to an empty directory, and its path for errors. Other users may write to it: symlinks of theirs are not followed
 * @throws LayerhookError ABORTED, SYSTEM, NO_SPACE, FILE_CHANGED, LIMIT_EXCEEDED
 */
export async function copyTree(
  from: string,
  to: { fd: number; path: string },
  options: CopyOptions,
): Promise<Copied> {
  const copier = new TreeCopier(from, to.fd, options);
  try {
    return await inTurns(copier.copy(), options.signal);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw failure(error, `${from}/${showBytes(copier.at)}`, to.path);
  }
}

class TreeCopier {
  readonly #from: string;
  readonly #root: number;
  readonly #options: CopyOptions;
  /** by device and inode of a source file with several names: the first name in the copy, and its inode there */
  readonly #links = new Map<string, { path: ByteString; inode: string }>();
  #bytes = 0;
  #entries = 0;
  /** the current path, for errors */
  at: ByteString = '.';

  constructor(from: string, root: number, options: CopyOptions) {
    this.#from = from;
    this.#root = root;
    this.#options = options;
  }

  *copy(): Steps<Copied> {
    const source = openToRead(AT_FDCWD, fromText(this.#from), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    try {
      yield* this.#fillDirectory(source, this.#root);
    } finally {
      close(source);
    }
    return { bytes: this.#bytes, entries: this.#entries };
  }

  /** Fills a directory with the content of another. A container chooses the depth, so the levels are on the heap. */
  *#fillDirectory(source: number, target: number): Steps<void> {
    const [from, to] = [new Descent(source), new Descent(target)];
    const levels = [beginLevel(from.fd, '')];
    try {
      for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
        const name = level.names[level.next++];
        if (name === undefined) {
          this.at = level.prefix;
          this.#finish(from.fd, to.fd, level.stat);
          levels.pop();
          if (levels.length > 0) for (const side of [from, to]) this.#require(side.leave());
          continue;
        }
        this.at = level.prefix + name;
        if (yield* this.#copyEntry(from.fd, to.fd, name)) {
          requireDepth(this.#from, levels.length);
          for (const side of [from, to]) this.#require(side.enter(name));
          levels.push(beginLevel(from.fd, `${this.at}/`));
        }
        yield;
      }
    } finally {
      from.close();
      to.close();
    }
  }

  /** @returns true for a directory, which the caller must fill */
  *#copyEntry(source: number, target: number, name: ByteString): Steps<boolean> {
    const stat = new StatBuffer();
    if (!statAt(source, name, stat)) throw changed(this.at);
    this.#entries += 1;
    this.#tell(0);
    if (stat.isDirectory) mkdirat(target, name, 0o700);
    else if (!this.#linked(stat, target, name, this.at)) {
      if (stat.isFile) yield* this.#copyFile(source, target, name, stat);
      else this.#copySpecial(source, target, name, stat);
    }
    return stat.isDirectory;
  }

  /** @param more bytes of the current file */
  #tell(more: number): void {
    const bytes = this.#bytes + more;
    this.#options.onProgress?.({ done: bytes, total: 0, bytes, entries: this.#entries });
  }

  #require(done: number): void {
    if (done < 0) throw new SystemError(-done, 'openat', this.at);
  }

  /** Links a name to the copy of the same file. @returns false if the file was not copied yet */
  #linked(stat: StatBuffer, target: number, name: ByteString, path: ByteString): boolean {
    if (stat.nlink < 2) return false;
    const inode = inodeNumber(stat);
    const first = this.#links.get(inode);
    if (first === undefined) {
      this.#links.set(inode, { path, inode: '' });
      return false;
    }
    const fd = openat(this.#root, first.path, O.PATH | O.NOFOLLOW);
    try {
      const copy = new StatBuffer();
      statFd(fd, copy, first.path);
      // a directory of the copy may have become a symlink
      if (inodeNumber(copy) !== first.inode) throw changed(first.path);
      linkOpened(fd, target, name);
      return true;
    } catch (error) {
      if (!isErrno(error, 'EMLINK')) throw error;
      // the filesystem of the copy allows fewer names than that of the source: the next names belong to another copy
      this.#links.set(inode, { path, inode: '' });
      return false;
    } finally {
      close(fd);
    }
  }

  /** Records the inode of the copy of a file with several names. */
  #noteCopy(stat: StatBuffer, fd: number): void {
    const first = this.#links.get(inodeNumber(stat));
    if (first === undefined) return;
    const copy = new StatBuffer();
    statFd(fd, copy, this.at);
    first.inode = inodeNumber(copy);
  }

  *#copyFile(source: number, target: number, name: ByteString, expected: StatBuffer): Steps<void> {
    const from = openToRead(source, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
    try {
      const stat = new StatBuffer();
      statFd(from, stat, name);
      if (!stat.isFile || stat.ino !== expected.ino) throw changed(this.at);
      // larger sizes are inexact
      if (!Number.isSafeInteger(stat.size)) throw new SystemError('EFBIG', 'ftruncate', this.at);
      const to = openat(target, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600);
      let isOpen = true;
      try {
        this.#noteCopy(stat, to);
        yield* this.#copyContent(from, to, stat.size);
        this.#finish(from, to, stat);
        isOpen = false;
        closeWritten(to, this.at);
      } finally {
        // after an error, or an abort between two steps
        if (isOpen) close(to);
      }
    } finally {
      close(from);
    }
  }

  *#copyContent(from: number, to: number, size: number): Steps<void> {
    for (let at = nextData(from, 0); at !== null && at < size; at = nextData(from, at)) {
      const end = Math.min(nextHole(from, at), size);
      while (at < end) {
        const count = readSync(from, chunk, 0, Math.min(chunk.length, end - at), at);
        if (count === 0) throw changed(this.at);
        writeAll(to, chunk.subarray(0, count), at);
        at += count;
        this.#tell(at);
        yield;
      }
    }
    ftruncate(to, size);
    this.#bytes += size;
  }

  #finish(from: number, to: number, stat: StatBuffer): void {
    fchown(to, stat.uid, stat.gid, this.at);
    copyXattrs(from, to, this.at, this.#options.log);
    fchmod(to, stat.mode, this.at);
    futimens(to, unchangedTime, stat.mtime, this.at);
  }

  /** Copies symlinks, devices (whiteouts too), FIFOs and sockets. */
  #copySpecial(source: number, target: number, name: ByteString, stat: StatBuffer): void {
    if (stat.isSymlink) symlinkat(readlinkat(source, name), target, name);
    else mknodat(target, name, stat.type | 0o600, stat.rdevMajor, stat.rdevMinor);
    const to = openat(target, name, O.PATH | O.NOFOLLOW);
    try {
      const made = new StatBuffer();
      statFd(to, made, name);
      const same = made.rdevMajor === stat.rdevMajor && made.rdevMinor === stat.rdevMinor;
      if (made.type !== stat.type || !same) throw changed(this.at);
      this.#noteCopy(stat, to);
      chownOpened(to, stat.uid, stat.gid, name);
      copyXattrs(pathIn(source, name), pathIn(target, name), this.at, this.#options.log);
      if (!stat.isSymlink) chmodOpened(to, stat.mode);
    } finally {
      close(to);
    }
    utimensat(target, name, unchangedTime, stat.mtime);
  }
}

/** A directory that is being copied. `stat` describes the source. */
interface Level {
  prefix: ByteString;
  names: ByteString[];
  next: number;
  /** read before the content */
  stat: StatBuffer;
}

function beginLevel(source: number, prefix: ByteString): Level {
  const stat = new StatBuffer();
  statFd(source, stat);
  return { prefix, names: readDirectory(source).map(({ name }) => name), next: 0, stat };
}

function changed(path: ByteString): LayerhookError {
  return new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
}

function failure(error: SystemError, file: string, to: string): LayerhookError {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT')
    return new LayerhookError('NO_SPACE', { path: to }, error);
  const what = `cannot copy ${file} to ${to} (${error.syscall})`;
  const expected =
    'use a destination that accepts owners, devices and extended attributes, or archive to a tar';
  return new LayerhookError('SYSTEM', { what, reason: systemWords(error), expected }, error);
}
