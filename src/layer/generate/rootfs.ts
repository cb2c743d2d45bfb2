import { systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { openat, readlinkat, statAt } from '../../system/access.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { closeOnError } from '../../system/close-on-error.js';
import { Descent } from '../../system/descent.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, S } from '../../system/files.js';
import { baseName, isWithin, parentOf } from '../../system/paths.js';
import { StatBuffer, statFd } from '../../system/stat.js';
import { pathIn, readXattrs } from '../../system/xattr.js';
import { typeOfBits } from '../file-types.js';
import type { Lookup } from './plan.js';

type FoundType = NonNullable<ReturnType<Lookup>>;

const types: ReadonlyMap<number, FoundType> = new Map([...typeOfBits, [S.IFSOCK, 'socket'] as const]);

/**
 * Reads files of a rootfs that other processes may be changing. Every component of a path is opened separately and never
 * through a symlink, so nothing outside the rootfs is read. Reading paths in sorted order is fastest.
 */
export class RootfsReader {
  readonly #path: string;
  readonly #stat = new StatBuffer();
  readonly #root: number;
  /** open directories down to that of the last path, and in `#paths` their paths, the rootfs first */
  readonly #way: Descent;
  readonly #paths: ByteString[] = ['.'];

  /** @throws LayerhookError SYSTEM */
  constructor(path: string) {
    this.#path = path;
    this.#root = this.#guard('.', () => openat(AT_FDCWD, fromText(path), O.PATH | O.DIRECTORY));
    this.#way = new Descent(this.#root, O.PATH);
  }

  close(): void {
    this.#way.close();
    close(this.#root);
  }

  /** Returns the type of a file; null if it or a directory above it is missing. @throws LayerhookError SYSTEM */
  lookup(path: ByteString): FoundType | null {
    return this.stat(path, this.#stat) ? typeOf(this.#stat) : null;
  }

  /** Fills `out`. Returns false if the file is missing. @throws LayerhookError SYSTEM */
  stat(path: ByteString, out: StatBuffer): boolean {
    return this.#guard(path, () => {
      const dirfd = this.#directory(parentOf(path));
      if (dirfd === null) return false;
      if (path !== '.') return statAt(dirfd, baseName(path), out);
      statFd(dirfd, out, path);
      return true;
    });
  }

  /** Returns the target of a symlink. @throws LayerhookError FILE_CHANGED, SYSTEM */
  readlink(path: ByteString): ByteString {
    return this.#guard(path, () => readlinkat(this.#parent(path), baseName(path)));
  }

  /** Returns all xattrs; an empty map if the filesystem does not support them. @throws LayerhookError FILE_CHANGED, SYSTEM */
  xattrs(path: ByteString): Map<ByteString, Buffer> {
    return this.#guard(path, () => readXattrs(pathIn(this.#parent(path), baseName(path))));
  }

  /** Opens a regular file for reading, never a device or FIFO. @throws LayerhookError FILE_CHANGED, SYSTEM */
  openFile(path: ByteString, stat: StatBuffer): number {
    return this.#guard(path, () => {
      const fd = openat(this.#parent(path), baseName(path), O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
      return closeOnError(fd, () => {
        statFd(fd, stat, path);
        if (stat.isFile) return fd;
        throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
      });
    });
  }

  #parent(path: ByteString): number {
    const fd = this.#directory(parentOf(path));
    if (fd === null) throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
    return fd;
  }

  /** Opens a directory; null if it is missing or not a directory. */
  #directory(path: ByteString): number | null {
    const [way, paths] = [this.#way, this.#paths];
    while (!isWithin(path, paths.at(-1)!)) {
      paths.pop();
      require(way.leave(), path);
    }
    const above = paths.at(-1)!;
    if (above === path) return way.fd;
    const rest = above === '.' ? path : path.slice(above.length + 1);
    let at = above === '.' ? '' : `${above}/`;
    for (const name of rest.split('/')) {
      const entered = way.enter(name);
      if (entered === -E.ENOENT || entered === -E.ENOTDIR || entered === -E.ELOOP) return null;
      require(entered, at + name);
      paths.push(at + name);
      at += `${name}/`;
    }
    return way.fd;
  }

  #guard<T>(path: ByteString, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'ESTALE'].includes(error.code) && path !== '.')
        throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) }, error);
      const what = `cannot read ${path === '.' ? this.#path : `${this.#path}/${showBytes(path)}`}`;
      if (error.code === 'ENOENT') throw new LayerhookError('FILE_NOT_FOUND', { what }, error);
      const expected = 'check that it exists and may be read';
      throw new LayerhookError('SYSTEM', { what, reason: systemWords(error), expected }, error);
    }
  }
}

/** Returns the type of a file in terms of a layer. */
export function typeOf(stat: StatBuffer): FoundType {
  return types.get(stat.type) ?? 'file';
}

function require(done: number, path: ByteString): void {
  if (done < 0) throw new SystemError(-done, 'openat', path);
}
