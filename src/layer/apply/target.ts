import { fchmod, fchmodat, futimens, UTIME_OMIT, utimensat } from '../../system/attributes.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, openat, tryOpenat } from '../../system/files.js';
import { StatBuffer, statAt, statFd } from '../../system/stat.js';
import { getXattr, isUnsupported } from '../../system/xattr.js';
import { DirectoryNode, FileNode, type Tree } from './tree.js';

/** Directories that are kept open from entry to entry. */
const OPEN_DIRECTORIES = 200;
const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;

/**
 * The directory that a layer is applied to. Everything below it is reached by one component from the open
 * directory above it, never by a path and never through a symlink.
 */
export class Target {
  readonly tree: Tree;
  readonly #path: string;
  /** open directories, those opened first first */
  #open: DirectoryNode[] = [];
  #entry = 0;
  #touched: DirectoryNode[] = [];
  #widened: DirectoryNode[] = [];
  readonly stat = new StatBuffer();

  /** Opens the directory. @throws SystemError */
  constructor(path: string, tree: Tree) {
    this.#path = path;
    this.tree = tree;
    const { root } = tree;
    root.fd = openat(AT_FDCWD, fromText(path), DIRECTORY);
    root.seen = tree.layer;
    root.defaultAcl = hasDefaultAcl(root.fd);
  }

  /** Tells that one entry is done and the next begins: directories may be closed. */
  nextEntry(): void {
    this.#entry++;
    if (this.#open.length > OPEN_DIRECTORIES) this.#closeSome();
  }

  /** The open file descriptor of a directory, valid until the next entry. @throws SystemError */
  fd(dir: DirectoryNode): number {
    dir.used = this.#entry;
    if (dir.fd >= 0) return dir.fd;
    const fd = this.openIn(dir.parent!, dir.name);
    if (fd < 0) throw new SystemError(-fd, 'openat', dir.path);
    this.#keep(dir, fd);
    return fd;
  }

  /**
   * Opens a directory that is in `parent`, whatever its mode; not through a symlink.
   *
   * @returns the file descriptor, or a negative errno
   */
  openIn(parent: DirectoryNode, name: ByteString): number {
    const fd = tryOpenat(this.fd(parent), name, DIRECTORY);
    if (fd !== -E.EACCES) return fd;
    this.widen(parent);
    if (!statAt(this.fd(parent), name, this.stat)) return -E.ENOENT;
    if (!this.stat.isDirectory) return -E.ENOTDIR;
    if ((this.stat.mode & 0o700) === 0o700) return fd;
    const { mode } = this.stat;
    fchmodat(this.fd(parent), name, mode | 0o700);
    const widened = tryOpenat(this.fd(parent), name, DIRECTORY);
    if (widened >= 0) this.#restoreLater(this.#childOf(parent, name), mode);
    return widened;
  }

  /** The node of a directory that was found on disk, with its file descriptor. */
  adopt(parent: DirectoryNode, name: ByteString, fd: number): DirectoryNode {
    const dir = this.#childOf(parent, name);
    if (dir.fd >= 0) close(fd);
    else this.#keep(dir, fd);
    if (dir.seen !== this.tree.layer) dir.defaultAcl = hasDefaultAcl(dir.fd);
    dir.seen = this.tree.layer;
    return dir;
  }

  /** The node of a directory that the current layer has just made, opened. @throws SystemError */
  addDirectory(parent: DirectoryNode, name: ByteString): DirectoryNode {
    parent.children.delete(name);
    const dir = this.#childOf(parent, name);
    dir.seen = this.tree.layer;
    dir.made = this.tree.layer;
    dir.defaultAcl = parent.defaultAcl;
    this.tree.markUpper(dir);
    this.fd(dir);
    return dir;
  }

  /** Notes that the current layer put something that is no directory there. */
  addFile(parent: DirectoryNode, name: ByteString, digest = -1): FileNode {
    const node = new FileNode(this.tree.layer, digest);
    parent.children.set(name, node);
    this.tree.markUpper(parent);
    return node;
  }

  /** Takes what is known of a path away, with all below it. */
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

  /** To be called before anything in the directory changes: its time will be what it is now. */
  touch(dir: DirectoryNode): void {
    if (dir.touched === this.tree.layer) return;
    statFd(this.fd(dir), this.stat, dir.path);
    dir.gid = this.stat.gid;
    this.setTime(dir, this.stat.mtimeSec, this.stat.mtimeNsec);
  }

  /** The time that the directory is to have at the end of the layer. */
  setTime(dir: DirectoryNode, sec: number, nsec: number): void {
    dir.mtimeSec = sec;
    dir.mtimeNsec = nsec;
    if (dir.touched === this.tree.layer) return;
    dir.touched = this.tree.layer;
    this.#touched.push(dir);
  }

  /** The mode that the directory is to have at the end of the layer, if it has another one until then. */
  setMode(dir: DirectoryNode, mode: number): void {
    fchmod(this.fd(dir), mode, dir.path);
    dir.restoreMode = -1;
  }

  /**
   * Gives a directory's owner access to it, until the end of the layer.
   *
   * @returns false if it has access already: that is not what is wrong
   */
  widen(dir: DirectoryNode): boolean {
    statFd(this.fd(dir), this.stat, dir.path);
    const { mode } = this.stat;
    if ((mode & 0o700) === 0o700) return false;
    fchmod(this.fd(dir), mode | 0o700, dir.path);
    this.#restoreLater(dir, mode);
    return true;
  }

  /** Gives all directories that were touched their times and modes. @throws SystemError */
  restore(): void {
    for (const dir of this.#touched) {
      if (!dir.attached) continue;
      this.nextEntry();
      if (dir.parent === null) futimens(this.fd(dir), 0, UTIME_OMIT, dir.mtimeSec, dir.mtimeNsec, '');
      else utimensat(this.fd(dir.parent), dir.name, 0, UTIME_OMIT, dir.mtimeSec, dir.mtimeNsec);
    }
    // deepest first: those above must be open to us until then
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

  /** For messages: where a path of the layer is on disk. */
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
    // far above what one entry needs at a time, unless it goes down very deep
    if (this.#open.length > 2 * OPEN_DIRECTORIES) this.#closeSome();
  }

  /** Closes the older half, but for those that this entry has asked for. */
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

/** Whether what is made in a directory gets an access list from it; acl(5). */
function hasDefaultAcl(fd: number): boolean {
  try {
    return getXattr(fd, 'system.posix_acl_default') !== undefined;
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
}
