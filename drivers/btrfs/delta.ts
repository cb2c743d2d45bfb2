import { type Change, fsError, inTurns, LayerhookError, requireDepth, type Steps } from 'layerhook';
import {
  AT_FDCWD,
  type ByteString,
  close,
  Descent,
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

/** The base that a rootfs is compared with. */
export interface Base {
  /** path of the subvolume with the tree of all layers of the image */
  lower: string;
  /** transactions after which the rootfs and the lower subvolume diverged; null: the lower one did not change */
  generations: { upper: bigint; lower: bigint | null };
  /** ns since the epoch: a file with the same ctime in both trees, earlier than this, is unchanged */
  unchangedBefore: bigint;
}

/** One of the two compared trees. */
interface Side {
  fd: number;
  root: FileStat;
  /** files that may have changed; null if this process lacks the right to search: all files */
  changed: Set<number> | null;
  paths: { of(inode: number): ByteString[] };
}

/**
 * Returns the changes of a snapshot. btrfs names the touched files; each is compared with the file at its path in the
 * lower layers. Without the right to search btrfs trees, the two trees are compared by stat.
 *
 * @param rootfs path of the subvolume
 * @param flush writes back the rootfs, because its btrfs tree does not show cached data. Called only if the trees are
 *   searched; stat always shows the current state.
 * @throws LayerhookError ABORTED, FILE_CHANGED, LIMIT_EXCEEDED, SYSTEM
 */
export async function compareWithBase(
  rootfs: string,
  base: Base,
  flush: () => void,
  signal?: AbortSignal,
): Promise<Change[]> {
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
    return await inTurns(new Comparison(lower, upper, base.unchangedBefore).run(), signal);
  } catch (error) {
    throw error instanceof SystemError ? failure(rootfs, error) : error;
  } finally {
    open.forEach(close);
  }
}

/** Walks both trees in parallel, along the paths that may have changed. */
class Comparison {
  readonly #lower: Side;
  readonly #upper: Side;
  readonly #unchangedBefore: bigint;
  readonly #lowerWay: Descent;
  readonly #upperWay: Descent;
  readonly #changes: Change[] = [];

  constructor(lower: Side, upper: Side, unchangedBefore: bigint) {
    this.#lower = lower;
    this.#upper = upper;
    this.#unchangedBefore = unchangedBefore;
    this.#lowerWay = new Descent(lower.fd);
    this.#upperWay = new Descent(upper.fd);
  }

  *run(): Steps<Change[]> {
    const touched = this.#touched();
    try {
      const levels = [yield* this.#compare('.', '.', touched)];
      for (let level = levels[0]; level; level = levels.at(-1)) {
        const name = level.names[level.next++];
        if (name === undefined) {
          levels.pop();
          this.#leave(level);
          continue;
        }
        yield;
        const path = level.path === '.' ? name : `${level.path}/${name}`;
        const below = level.touched === null ? null : level.touched?.below.get(name);
        const next = level.both ? yield* this.#compare(path, name, below) : this.#addIfThere(path, name);
        if (next === null) continue;
        requireDepth('the rootfs', levels.length);
        levels.push(next);
      }
    } finally {
      this.#lowerWay.close();
      this.#upperWay.close();
    }
    return this.#changes;
  }

  /** Returns the paths that were touched in either tree; null: unknown. */
  #touched(): Touched {
    const [lower, upper] = [this.#lower, this.#upper];
    if (lower.changed === null || upper.changed === null) return null;
    const paths = [lower, upper].flatMap((side) =>
      [...side.changed!].flatMap((inode) => side.paths.of(inode)),
    );
    return pathTree(paths);
  }

  /**
   * Compares the entries of a name in the current directories.
   *
   * @param touched what was touched at and below the path; undefined: nothing
   * @returns the directory to compare next, if the name is a directory in the upper tree
   */
  *#compare(path: ByteString, name: ByteString, touched: Touched): Steps<Level | null> {
    const [a, b] = [spot(this.#lowerWay.fd, name), spot(this.#upperWay.fd, name)];
    const before = statAt(a.dirfd, name, a.stat);
    const after = statAt(b.dirfd, name, b.stat);
    if (!after) {
      if (before) this.#changes.push({ path, kind: 'delete' });
      return null;
    }
    if (!before) return this.#add(path, b);
    const sameInode = this.#isSameInode(a.stat, b.stat);
    if (sameInode && touched === undefined) return null;
    if (!(yield* this.#isSame(a, b, sameInode))) this.#changes.push({ path, kind: 'modify' });
    if (!b.stat.isDirectory) return null;
    if (!a.stat.isDirectory) return this.#enterAdded(path, name);
    enter(this.#lowerWay, path, name);
    enter(this.#upperWay, path, name);
    const known = sameInode && touched && !this.#isChanged(a.stat.inode);
    const names = known
      ? touched.below.keys()
      : new Set([...namesIn(this.#lowerWay.fd), ...namesIn(this.#upperWay.fd)]);
    return { path, names: [...names], next: 0, touched, both: true };
  }

  #addIfThere(path: ByteString, name: ByteString): Level | null {
    const file = spot(this.#upperWay.fd, name);
    return statAt(file.dirfd, name, file.stat) ? this.#add(path, file) : null;
  }

  #add(path: ByteString, { name, stat }: Spot): Level | null {
    this.#changes.push({ path, kind: 'add' });
    return stat.isDirectory ? this.#enterAdded(path, name) : null;
  }

  #enterAdded(path: ByteString, name: ByteString): Level {
    enter(this.#upperWay, path, name);
    return { path, names: namesIn(this.#upperWay.fd), next: 0, touched: undefined, both: false };
  }

  #leave({ path, both }: Level): void {
    require(this.#upperWay.leave(), path);
    if (both) require(this.#lowerWay.leave(), path);
  }

  *#isSame(a: Spot, b: Spot, sameInode: boolean): Steps<boolean> {
    if (sameInode && a.stat.ctime === b.stat.ctime && a.stat.ctime < this.#unchangedBefore) return true;
    return this.#sameLinks(a.stat, b.stat) && (yield* sameFile(a, b));
  }

  /** True if a file has the same names in both trees. */
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

/** A directory whose names are being compared; the descents are in it. */
interface Level {
  path: ByteString;
  names: ByteString[];
  next: number;
  touched: Touched;
  /** False if only the upper tree has the directory, so that everything in it is added. */
  both: boolean;
}

type Touched = PathTree | null | undefined;

/** True if a file is in the subvolume itself: only there its snapshots share the meaning of inode numbers. */
function isOn(root: FileStat, file: FileStat): boolean {
  return file.devMinor === root.devMinor && file.devMajor === root.devMajor;
}

function spot(dirfd: number, name: ByteString): Spot {
  return { dirfd, name, stat: new FileStat() };
}

function namesIn(fd: number): ByteString[] {
  return readDirectory(fd).map(({ name }) => name);
}

function enter(way: Descent, path: ByteString, name: ByteString): void {
  require(way.enter(name), path);
}

function require(done: number, path: ByteString): void {
  if (done < 0) throw new SystemError(-done, 'openat', path);
}

/** Converts an error of the walk. A file that vanished or changed its type was changed during the comparison. */
function failure(rootfs: string, error: SystemError): LayerhookError {
  const changed = ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code);
  if (!changed) return fsError(error, `cannot read ${rootfs}`);
  return new LayerhookError('FILE_CHANGED', { path: showBytes(error.path) }, error);
}
