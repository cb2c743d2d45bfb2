import { fchmod, fchmodat, futimens, unchangedTime, utimensat } from '../../system/attributes.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, mkdirat, O, openat, tryOpenat } from '../../system/files.js';
import { StatBuffer, statAt, statFd } from '../../system/stat.js';
import { getXattr, isUnsupported } from '../../system/xattr.js';
import type { LowerFile, LowerStack } from '../lower/lower-stack.js';
import { DirectoryNode, FileNode, type Tree } from './tree.js';

/** How many directories may stay open between entries. */
const maxOpen = 200;
const directoryFlags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;

/**
 * The directory that a layer is applied to. Each file is reached from its open parent directory by a single name, never
 * by a path and never through a symlink.
 */
export class Target {
  readonly tree: Tree;
  readonly #path: string;
  /** open directories in the order of opening */
  #open: DirectoryNode[] = [];
  #entry = 0;
  #touched: DirectoryNode[] = [];
  #widened: DirectoryNode[] = [];
  readonly stat = new StatBuffer();
  /** directories that stand for those of the layers below, parents first */
  readonly entered: DirectoryNode[] = [];

  /**
   * Opens the directory.
   *
   * @param lower the layers below, where the directory does not hold them
   * @throws SystemError
   */
  constructor(path: string, tree: Tree, lower: LowerStack | null) {
    this.#path = path;
    this.tree = tree;
    const { root } = tree;
    root.fd = openat(AT_FDCWD, fromText(path), directoryFlags);
    root.seen = tree.layer;
    root.lower = lower;
    try {
      root.defaultAcl = hasDefaultAcl(root.fd);
    } catch (error) {
      closeDirectory(root);
      throw error;
    }
  }

  /** Begins the next entry: directories of earlier entries may be closed. */
  nextEntry(): void {
    this.#entry++;
    if (this.#open.length > maxOpen) this.#closeSome();
  }

  /** Returns an open file descriptor of a directory, valid until the next entry. @throws SystemError */
  fd(dir: DirectoryNode): number {
    dir.used = this.#entry;
    if (dir.fd >= 0) return dir.fd;
    const fd = this.openIn(dir.parent!, dir.name);
    if (fd < 0) throw new SystemError(-fd, 'openat', dir.path);
    this.#keep(dir, fd);
    return fd;
  }

  /**
   * Opens the directory `name` in `parent`, not through a symlink. A mode that denies access is changed.
   *
   * @returns the file descriptor, or a negative errno
   */
  openIn(parent: DirectoryNode, name: ByteString): number {
    const fd = tryOpenat(this.fd(parent), name, directoryFlags);
    if (fd !== -E.EACCES) return fd;
    this.widen(parent);
    if (!statAt(this.fd(parent), name, this.stat)) return -E.ENOENT;
    if (!this.stat.isDirectory) return -E.ENOTDIR;
    if ((this.stat.mode & 0o700) === 0o700) return fd;
    const { mode } = this.stat;
    fchmodat(this.fd(parent), name, mode | 0o700);
    const widened = tryOpenat(this.fd(parent), name, directoryFlags);
    if (widened >= 0) this.#restoreLater(this.#childOf(parent, name), mode);
    return widened;
  }

  /** Returns the node of a directory that was found on disk, and takes over its file descriptor. */
  adopt(parent: DirectoryNode, name: ByteString, fd: number): DirectoryNode {
    const dir = this.#childOf(parent, name);
    if (dir.fd >= 0) close(fd);
    else this.#keep(dir, fd);
    if (dir.seen !== this.tree.layer) dir.defaultAcl = hasDefaultAcl(dir.fd);
    dir.seen = this.tree.layer;
    return dir;
  }

  /** Returns what the layers below have under a name that the current layer has not made, if they are beside the target. */
  findLower(dir: DirectoryNode, name: ByteString): LowerFile | null {
    if (dir.lower === null) return null;
    const node = dir.children.get(name);
    return node !== undefined && this.tree.isUpper(node) ? null : dir.lower.find(name);
  }

  /** Makes a directory that stands for one of the layers below. Fixing up the layer gives it the metadata. */
  enterLower(parent: DirectoryNode, name: ByteString, lower: LowerStack): DirectoryNode {
    this.touch(parent);
    mkdirat(this.fd(parent), name, 0o700);
    const dir = this.#childOf(parent, name);
    dir.seen = this.tree.layer;
    dir.lower = lower;
    dir.defaultAcl = parent.defaultAcl;
    this.entered.push(dir);
    return dir;
  }

  /**
   * Returns the node of a directory that the current layer has just made, and opens it.
   *
   * @param lower what the layers below have there, if they are beside the target
   * @throws SystemError
   */
  addDirectory(parent: DirectoryNode, name: ByteString, lower: LowerStack | null): DirectoryNode {
    parent.children.delete(name);
    const dir = this.#childOf(parent, name);
    dir.lower = lower;
    dir.seen = this.tree.layer;
    dir.made = this.tree.layer;
    dir.defaultAcl = parent.defaultAcl;
    this.tree.markUpper(dir);
    this.fd(dir);
    return dir;
  }

  /** Records a new file of the current layer, of any type but directory. */
  addFile(parent: DirectoryNode, name: ByteString, digest = -1): FileNode {
    const node = new FileNode(this.tree.layer, digest);
    this.setFile(parent, name, node);
    return node;
  }

  /** Records the node of a file of the current layer. All names of a file may have one node. */
  setFile(parent: DirectoryNode, name: ByteString, node: FileNode): void {
    parent.children.set(name, node);
    this.tree.markUpper(parent);
  }

  /** Forgets a node and all nodes below it. */
  forget(parent: DirectoryNode, name: ByteString): void {
    const node = parent.children.get(name);
    parent.children.delete(name);
    if (!(node instanceof DirectoryNode)) return;
    this.#open = this.#open.filter((dir) => {
      if (!dir.isBelow(node)) return true;
      closeDirectory(dir);
      return false;
    });
  }

  /** Records the directory's time, which is restored at the layer's end. Must be called before a change in the directory. */
  touch(dir: DirectoryNode): void {
    if (dir.touched === this.tree.layer) return;
    statFd(this.fd(dir), this.stat, dir.path);
    dir.gid = this.stat.gid;
    this.setTime(dir, this.stat.mtimeSec, this.stat.mtimeNsec);
  }

  /** Sets the time that the directory gets at the end of the layer. */
  setTime(dir: DirectoryNode, sec: number, nsec: number): void {
    dir.mtimeSec = sec;
    dir.mtimeNsec = nsec;
    if (dir.touched === this.tree.layer) return;
    dir.touched = this.tree.layer;
    this.#touched.push(dir);
  }

  /** Changes the directory's mode immediately, and drops a mode that was going to be restored. */
  setMode(dir: DirectoryNode, mode: number): void {
    fchmod(this.fd(dir), mode, dir.path);
    dir.restoreMode = -1;
  }

  /**
   * Gives a directory's owner access to it until the end of the layer.
   *
   * @returns false if the owner had access already, so the mode was not the problem
   */
  widen(dir: DirectoryNode): boolean {
    statFd(this.fd(dir), this.stat, dir.path);
    const { mode } = this.stat;
    if ((mode & 0o700) === 0o700) return false;
    fchmod(this.fd(dir), mode | 0o700, dir.path);
    this.#restoreLater(dir, mode);
    return true;
  }

  /** Restores the times and modes of all changed directories. @throws SystemError */
  restore(): void {
    for (const dir of this.#touched) {
      if (!dir.attached) continue;
      this.nextEntry();
      const mtime = { sec: dir.mtimeSec, nsec: dir.mtimeNsec };
      if (dir.parent === null) futimens(this.fd(dir), unchangedTime, mtime, '');
      else utimensat(this.fd(dir.parent), dir.name, unchangedTime, mtime);
    }
    // deepest first, because directories above must stay accessible
    for (const dir of this.#widened.sort((a, b) => b.depth - a.depth)) {
      this.nextEntry();
      if (dir.attached && dir.restoreMode >= 0) this.setMode(dir, dir.restoreMode);
    }
    this.#touched = [];
    this.#widened = [];
  }

  close(): void {
    for (const dir of this.#open) closeDirectory(dir);
    closeDirectory(this.tree.root);
    this.#open = [];
  }

  /** Returns the location on disk of a path in the layer, for messages. */
  show(path: ByteString): ByteString {
    return `${fromText(this.#path)}/${path}`;
  }

  #childOf(parent: DirectoryNode, name: ByteString): DirectoryNode {
    const known = parent.children.get(name);
    if (known instanceof DirectoryNode) return known;
    const dir = new DirectoryNode(parent, name);
    parent.children.set(name, dir);
    return dir;
  }

  #restoreLater(dir: DirectoryNode, mode: number): void {
    if (dir.restoreMode >= 0) return;
    dir.restoreMode = mode;
    this.#widened.push(dir);
  }

  #keep(dir: DirectoryNode, fd: number): void {
    dir.fd = fd;
    dir.used = this.#entry;
    this.#open.push(dir);
    // a single entry opens this many directories only if its path is very deep
    if (this.#open.length > 2 * maxOpen) this.#closeSome();
  }

  /** Closes the older half, except directories that the current entry uses. */
  #closeSome(): void {
    const half = this.#open.length >> 1;
    this.#open = this.#open.filter((dir, i) => {
      if (i >= half || dir.used === this.#entry) return true;
      closeDirectory(dir);
      return false;
    });
  }
}

function closeDirectory(dir: DirectoryNode): void {
  if (dir.fd >= 0) close(dir.fd);
  dir.fd = -1;
}

/** True if new files in the directory inherit an access list; acl(5). */
function hasDefaultAcl(fd: number): boolean {
  try {
    return getXattr(fd, 'system.posix_acl_default') !== undefined;
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
}
