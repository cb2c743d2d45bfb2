import { type Change, fsError, LayerhookError } from 'layerhook/driver';
import {
  AT_FDCWD,
  type ByteString,
  close,
  fromText,
  O,
  openat,
  readDirectory,
  SystemError,
  showBytes,
  statAt,
} from 'layerhook/system';
import { type PathTree, pathTree } from './path-tree.js';
import { FileStat, type Spot, sameFile } from './same-file.js';
import { changedInodes, InodePaths, maySearch } from './tree-search.js';
import { WalkedPaths } from './walked-paths.js';

/** What a rootfs is compared with. */
export interface Base {
  /** the subvolume with what the image's layers make */
  lower: string;
  /** since when the rootfs, and the lower one, went their own way: transactions; null: the lower one did not change */
  generations: { upper: bigint; lower: bigint | null };
  /** ns since the epoch: a file with an earlier ctime, the same in both, has not changed since */
  settled: bigint;
}

/** One of the two trees. */
interface Side {
  fd: number;
  root: FileStat;
  /** files that may have changed; null where this process may not ask: all of them */
  changed: Set<number> | null;
  paths: { of(inode: number): ByteString[] };
}

/** Directories of a deeper path cannot be named in a system call. */
const maxDepth = 2048;

/**
 * What changed in a snapshot. What btrfs says was touched is looked at, and told to be a change by comparing it with
 * what the layers below have at its path; without the right to ask btrfs, the two trees are compared by stat.
 *
 * @param rootfs path of the subvolume
 * @param flush writes back the rootfs: its tree does not show cached data. Called only if btrfs can be asked;
 *   stat always shows the present state.
 * @throws LayerhookError FILE_CHANGED, LIMIT_EXCEEDED, SYSTEM
 */
export function compareWithBase(rootfs: string, base: Base, flush: () => void): Change[] {
  const open: number[] = [];
  const side = (path: string, since: bigint | null, prepare?: () => void): Side => {
    const fd = openat(AT_FDCWD, fromText(path), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    open.push(fd);
    const root = new FileStat();
    statAt(fd, '.', root);
    if (!maySearch(fd)) return { fd, root, changed: null, paths: new WalkedPaths(path) };
    prepare?.();
    const changed = since === null ? new Set<number>() : changedInodes(fd, since);
    return { fd, root, changed, paths: new InodePaths(fd) };
  };
  try {
    const upper = side(rootfs, base.generations.upper, flush);
    const lower = side(base.lower, base.generations.lower);
    return new Comparison(lower, upper, base.settled).run();
  } catch (error) {
    throw error instanceof SystemError ? failure(rootfs, error) : error;
  } finally {
    open.forEach(close);
  }
}

/** A walk of both trees at once, along the paths where something may have changed. */
class Comparison {
  readonly #lower: Side;
  readonly #upper: Side;
  readonly #settled: bigint;
  readonly #changes: Change[] = [];

  constructor(lower: Side, upper: Side, settled: bigint) {
    this.#lower = lower;
    this.#upper = upper;
    this.#settled = settled;
  }

  run(): Change[] {
    const [lower, upper] = [spot(this.#lower.fd, '.'), spot(this.#upper.fd, '.')];
    this.#comparePath('.', lower, upper, this.#touched(), 0);
    return this.#changes;
  }

  /** The paths at which either tree was touched; null: nobody knows. */
  #touched(): Touched {
    const [lower, upper] = [this.#lower, this.#upper];
    if (lower.changed === null || upper.changed === null) return null;
    const paths = [lower, upper].flatMap((side) =>
      [...side.changed!].flatMap((inode) => side.paths.of(inode)),
    );
    return pathTree(paths);
  }

  /** @param touched what was touched at and below the path; undefined: nothing */
  #comparePath(path: ByteString, a: Spot, b: Spot, touched: Touched, depth: number): void {
    const before = statAt(a.dirfd, a.name, a.stat);
    const after = statAt(b.dirfd, b.name, b.stat);
    if (!after) {
      if (before) this.#changes.push({ path, kind: 'delete' });
      return;
    }
    if (!before) {
      this.#add(path, b, depth);
      return;
    }
    const sameInode = this.#isSameInode(a.stat, b.stat);
    if (sameInode && touched === undefined) return;
    if (!this.#isSame(a, b, sameInode)) this.#changes.push({ path, kind: 'modify' });
    if (!b.stat.isDirectory) return;
    if (!a.stat.isDirectory) this.#addContent(path, b, depth);
    else this.#compareDirectories(path, [a, b], touched, sameInode, depth);
  }

  #compareDirectories(
    path: ByteString,
    [a, b]: [Spot, Spot],
    touched: Touched,
    sameInode: boolean,
    depth: number,
  ): void {
    const known = sameInode && touched && !this.#isChanged(a.stat.inode) ? touched.below.keys() : null;
    withDirectory(a, (lower) =>
      withDirectory(b, (upper) => {
        const names = known ?? new Set([...namesIn(lower), ...namesIn(upper)]);
        for (const name of names) {
          const below = touched === null ? null : touched?.below.get(name);
          const child = pathOf(path, name, depth);
          this.#comparePath(child, spot(lower, name), spot(upper, name), below, depth + 1);
        }
      }),
    );
  }

  #add(path: ByteString, file: Spot, depth: number): void {
    this.#changes.push({ path, kind: 'add' });
    if (file.stat.isDirectory) this.#addContent(path, file, depth);
  }

  #addContent(path: ByteString, directory: Spot, depth: number): void {
    withDirectory(directory, (fd) => {
      for (const name of namesIn(fd)) {
        const file = spot(fd, name);
        if (statAt(fd, name, file.stat)) this.#add(pathOf(path, name, depth), file, depth + 1);
      }
    });
  }

  #isSame(a: Spot, b: Spot, sameInode: boolean): boolean {
    if (sameInode && a.stat.ctime === b.stat.ctime && a.stat.ctime < this.#settled) return true;
    return this.#sameLinks(a.stat, b.stat) && sameFile(a, b);
  }

  /** Whether a file has the same names in both trees. */
  #sameLinks(a: FileStat, b: FileStat): boolean {
    if (a.isDirectory || b.isDirectory) return true;
    if (a.nlink !== b.nlink) return false;
    if (a.nlink === 1) return true;
    if (!isOn(this.#lower.root, a) || !isOn(this.#upper.root, b)) return false;
    const [before, after] = [this.#lower.paths.of(a.inode), this.#upper.paths.of(b.inode)];
    const names = new Set(before);
    return before.length === after.length && after.every((name) => names.has(name));
  }

  #isSameInode(a: FileStat, b: FileStat): boolean {
    return a.inode === b.inode && isOn(this.#lower.root, a) && isOn(this.#upper.root, b);
  }

  #isChanged(inode: number): boolean {
    return this.#lower.changed?.has(inode) === true || this.#upper.changed?.has(inode) === true;
  }
}

type Touched = PathTree | null | undefined;

/** Whether a file is in the subvolume itself, where inode numbers mean what they do in its snapshots. */
function isOn(root: FileStat, file: FileStat): boolean {
  return file.devMinor === root.devMinor && file.devMajor === root.devMajor;
}

function spot(dirfd: number, name: ByteString): Spot {
  return { dirfd, name, stat: new FileStat() };
}

function pathOf(directory: ByteString, name: ByteString, depth: number): ByteString {
  if (depth >= maxDepth)
    throw new LayerhookError('LIMIT_EXCEEDED', { what: 'depth of the rootfs', limit: maxDepth });
  return directory === '.' ? name : `${directory}/${name}`;
}

function namesIn(fd: number): ByteString[] {
  return readDirectory(fd).map(({ name }) => name);
}

function withDirectory({ dirfd, name }: Spot, use: (fd: number) => void): void {
  const fd = openat(dirfd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    use(fd);
  } finally {
    close(fd);
  }
}

/** What is gone, or no directory any more, changed while it was looked at. */
function failure(rootfs: string, error: SystemError): LayerhookError {
  const changed = ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code);
  if (!changed) return fsError(error, `cannot read ${rootfs}`);
  return new LayerhookError('FILE_CHANGED', { path: showBytes(error.path) }, error);
}
