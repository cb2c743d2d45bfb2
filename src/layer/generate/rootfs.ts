import { systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { Descent } from '../../system/descent.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, openat, readlinkat, S } from '../../system/files.js';
import { StatBuffer, statAt, statFd } from '../../system/stat.js';
import { pathIn, readXattrs } from '../../system/xattr.js';
import { baseName, parentPath } from './paths.js';
import type { Lookup } from './plan.js';

type FoundType = NonNullable<ReturnType<Lookup>>;

const types = new Map<number, FoundType>([
  [S.IFREG, 'file'],
  [S.IFLNK, 'symlink'],
  [S.IFDIR, 'directory'],
  [S.IFCHR, 'char'],
  [S.IFBLK, 'block'],
  [S.IFIFO, 'fifo'],
  [S.IFSOCK, 'socket'],
]);

/**
 * Reads files of a root filesystem that others may be changing. Every component of a path is opened by itself and
 * never through a symlink, so nothing outside the rootfs is ever read. Paths in order of a sorted list are quickest.
 */
export class RootfsReader {
  readonly #path: string;
  readonly #stat = new StatBuffer();
  readonly #root: number;
  /** the way to the directory of the last path that was asked for, and the paths on it, the rootfs first */
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

  /** What is there; null for nothing, also where something above it is no directory. @throws LayerhookError SYSTEM */
  lookup(path: ByteString): FoundType | null {
    return this.stat(path, this.#stat) ? typeOf(this.#stat) : null;
  }

  /** Fills `out`; false if there is nothing. @throws LayerhookError SYSTEM */
  stat(path: ByteString, out: StatBuffer): boolean {
    return this.#guard(path, () => {
      const dirfd = this.#directory(path === '.' ? '.' : parentPath(path));
      if (dirfd === null) return false;
      if (path !== '.') return statAt(dirfd, baseName(path), out);
      statFd(dirfd, out, path);
      return true;
    });
  }

  /** Target of a symlink. @throws LayerhookError FILE_CHANGED, SYSTEM */
  readlink(path: ByteString): ByteString {
    return this.#guard(path, () => readlinkat(this.#parent(path), baseName(path)));
  }

  /** All extended attributes; none where the filesystem has none. @throws LayerhookError FILE_CHANGED, SYSTEM */
  xattrs(path: ByteString): Map<ByteString, Buffer> {
    return this.#guard(path, () => readXattrs(pathIn(this.#parent(path), baseName(path))));
  }

  /** Opens a regular file to read it; never a device or fifo. @throws LayerhookError FILE_CHANGED, SYSTEM */
  openFile(path: ByteString, stat: StatBuffer): number {
    return this.#guard(path, () => {
      const fd = openat(this.#parent(path), baseName(path), O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
      statFd(fd, stat, path);
      if (stat.isFile) return fd;
      close(fd);
      throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
    });
  }

  #parent(path: ByteString): number {
    const fd = this.#directory(path === '.' ? '.' : parentPath(path));
    if (fd === null) throw new LayerhookError('FILE_CHANGED', { path: showBytes(path) });
    return fd;
  }

  /** The directory, open; null if it is none. */
  #directory(path: ByteString): number | null {
    const [way, paths] = [this.#way, this.#paths];
    while (!isInside(path, paths.at(-1)!)) {
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
      const what = `cannot read ${this.#path}/${showBytes(path)}`;
      const expected = 'check that it exists and may be read';
      throw new LayerhookError('SYSTEM', { what, reason: systemWords(error), expected }, error);
    }
  }
}

/** The type of a file as a layer has it. */
export function typeOf(stat: StatBuffer): FoundType {
  return types.get(stat.type) ?? 'file';
}

function require(done: number, path: ByteString): void {
  if (done < 0) throw new SystemError(-done, 'openat', path);
}

function isInside(path: ByteString, directory: ByteString): boolean {
  return directory === '.' || path === directory || path.startsWith(`${directory}/`);
}
