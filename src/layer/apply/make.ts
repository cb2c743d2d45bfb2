import { fchmod, fchmodat, fchown, fchownat, futimens, utimensat } from '../../system/attributes.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { writeAndClose } from '../../system/close-on-error.js';
import { E, isErrno, SystemError } from '../../system/errno.js';
import { O, S, tryMkdirat, tryMknodat, tryOpenat, trySymlinkat } from '../../system/files.js';
import { statFd } from '../../system/stat.js';
import { hasXattrs, pathIn } from '../../system/xattr.js';
import type { TarReader } from '../../tar/index.js';
import type { HoleBudget } from '../holes.js';
import type { ApplyOptions, TarEntry } from '../types.js';
import { ContentWriter } from './content.js';
import { Owners } from './owners.js';
import { remove } from './remove.js';
import type { Target } from './target.js';
import { DirectoryNode, type FileNode } from './tree.js';
import type { Warn, Xattrs } from './xattrs.js';

const newFileFlags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
/** Keeps other users out of a file until it is complete. */
const ownFileMode = 0o600;
const defaultAclXattr = 'system.posix_acl_default';
const specialTypes = { fifo: S.IFIFO, char: S.IFCHR, block: S.IFBLK } as const;

/**
 * Root sets xattrs after the mode, because an access list and the mode change each other; acl(5). Other users set them
 * before the mode, because `user.` xattrs need write permission, which the final mode may not give.
 */
const ownUid = process.geteuid?.();
const asRoot = ownUid === 0;
const ownGid = process.getegid?.();

/** Owner and mode of a directory without an entry. */
const implicitDirectory = { name: '', uid: 0, gid: 0, mode: 0o755 };

export interface MakerOptions {
  options: ApplyOptions;
  xattrs: Xattrs;
  warn: Warn;
  /** keep the digest of all content */
  digests: boolean;
  /** how many bytes of holes may be hashed for the digests */
  holes: HoleBudget;
  /** called before a change after which paths may lead elsewhere */
  onRemoved: () => void;
  /** called for a directory that replaces a file of the same layer, or what the layer hides */
  onReplaced: (dir: DirectoryNode) => void;
}

/**
 * Creates the files of entries in directories that are known to be directories. An existing file is unlinked, never
 * opened or followed. Every type gets its owner first, next its mode, xattrs and times: a change of owner clears setuid
 * bits, setgid bits and capabilities.
 */
export class Maker {
  readonly #target: Target;
  readonly #owners: Owners;
  readonly #content: ContentWriter;
  readonly #given: MakerOptions;
  /** true if new files belong to this process; undefined: not known yet */
  #isOwner: boolean | undefined;
  /** for each mode, true if a file created with it has it: masks and mount options may change it */
  readonly #madeWith = new Map<number, boolean>();
  /** directories without an entry at their creation, parents first */
  readonly implicit: DirectoryNode[] = [];

  constructor(target: Target, given: MakerOptions) {
    this.#target = target;
    this.#given = given;
    this.#owners = new Owners(given.options.map);
    this.#content = new ContentWriter(target.tree.digests, given.digests, given.holes);
  }

  /** Creates a regular file with the content of the reader's current entry; without a reader, an empty file. */
  file(dir: DirectoryNode, name: ByteString, entry: TarEntry, reader: TarReader | null): void {
    const asItIs = this.#mayHaveModeAtOnce(dir, entry);
    const mode = asItIs ? entry.mode : ownFileMode;
    const fd = this.create(dir, name, (parent) => tryOpenat(parent, name, newFileFlags, mode));
    writeAndClose(fd, entry.name, () => {
      const digest = reader === null ? this.#content.empty() : this.#content.write(fd, entry, reader);
      if (dir.defaultAcl) this.#given.xattrs.clear(fd);
      this.#giveTo(fd, entry, dir);
      this.#setXattrs(fd, entry, !asRoot);
      if (!asItIs || !this.#hasMode(fd, entry)) fchmod(fd, entry.mode, entry.name);
      this.#setXattrs(fd, entry, asRoot);
      futimens(fd, entry.mtime, entry.mtime, entry.name);
      const node = this.#target.addFile(dir, name, digest);
      if (this.#given.digests) this.#remember(node, fd, entry, dir);
    });
  }

  /** True if a file can be created with its final mode, because no later step changes the mode. */
  #mayHaveModeAtOnce({ defaultAcl }: DirectoryNode, entry: TarEntry): boolean {
    if (entry.mode > 0o777 || defaultAcl || this.#given.xattrs.needed(entry)) return false;
    return this.#madeWith.get(entry.mode) !== false;
  }

  /** True if a file that was created with its mode has it. Checked once per layer for each mode. */
  #hasMode(fd: number, { name, mode }: TarEntry): boolean {
    const known = this.#madeWith.get(mode);
    if (known !== undefined) return known;
    const { stat } = this.#target;
    statFd(fd, stat, name);
    this.#madeWith.set(mode, stat.mode === mode);
    return stat.mode === mode;
  }

  /** Keeps the facts about a new file that an mtree manifest needs. */
  #remember(node: FileNode, fd: number, entry: TarEntry, dir: DirectoryNode): void {
    const plain = !dir.defaultAcl && !this.#given.xattrs.needed(entry);
    // checking the open file here is cheaper than checking its path for the mtree manifest later
    node.bare = plain ? this.#isBareIn(dir, fd) : !hasXattrs(fd);
  }

  /** True if new files in the directory have no xattrs. Security modules decide by directory, so the first file shows it. */
  #isBareIn(dir: DirectoryNode, fd: number): boolean {
    if (dir.asked !== this.#target.tree.layer) {
      dir.asked = this.#target.tree.layer;
      dir.bareFiles = !hasXattrs(fd);
    }
    return dir.bareFiles;
  }

  symlink(dir: DirectoryNode, name: ByteString, entry: TarEntry): void {
    this.create(dir, name, (parent) => trySymlinkat(entry.linkname, parent, name));
    this.setLink(dir, name, entry);
  }

  /** Sets owner, xattrs and times of a symlink. */
  setLink(dir: DirectoryNode, name: ByteString, entry: TarEntry): void {
    this.#setUnopened(dir, name, entry, null);
  }

  /** Sets the metadata of a new file that cannot be opened. @param mode null for a symlink, which has no mode */
  #setUnopened(dir: DirectoryNode, name: ByteString, entry: TarEntry, mode: number | null): void {
    const parent = this.#target.fd(dir);
    if (this.#owners.settable) fchownat(parent, name, this.#owners.uid(entry), this.#owners.gid(entry));
    if (mode !== null) fchmodat(parent, name, mode);
    this.#setXattrs(pathIn(parent, name), entry, true);
    utimensat(parent, name, entry.mtime, entry.mtime);
    this.#target.addFile(dir, name);
  }

  /** Creates a device or FIFO; an empty file if creating a device is not permitted. */
  special(dir: DirectoryNode, name: ByteString, entry: TarEntry): void {
    if (this.#makeNode(dir, name, entry)) {
      if (dir.defaultAcl) this.#given.xattrs.clear(pathIn(this.#target.fd(dir), name));
      this.#setUnopened(dir, name, entry, entry.mode);
    } else {
      const shown = showBytes(entry.name);
      this.#given.warn('device', `${shown}: devices need privileges, so an empty file takes its place`);
      this.file(dir, name, entry, null);
    }
  }

  /** @returns false if this process lacks the privileges */
  #makeNode(dir: DirectoryNode, name: ByteString, entry: TarEntry): boolean {
    if (entry.type !== 'fifo' && this.#given.options.map.rootless) return false;
    const type = specialTypes[entry.type as keyof typeof specialTypes];
    const { devMajor, devMinor } = entry;
    try {
      this.create(dir, name, (parent) => tryMknodat(parent, name, type | 0o600, devMajor, devMinor));
      return true;
    } catch (error) {
      if (this.#given.xattrs.unprivileged && isErrno(error, 'EPERM')) return false;
      throw error;
    }
  }

  /** Creates a directory, or changes an existing one to match the entry. */
  directory(dir: DirectoryNode, name: ByteString, entry: TarEntry): DirectoryNode {
    const made = this.#makeDirectory(dir, name);
    this.describe(made, entry);
    return made;
  }

  /** Changes the metadata of a directory to match the entry. */
  describe(dir: DirectoryNode, entry: TarEntry): void {
    const { tree } = this.#target;
    const { xattrs } = this.#given;
    const fd = this.#target.fd(dir);
    const isNew = dir.made === tree.layer && dir.listed !== tree.layer;
    if (!isNew && !asRoot) this.#target.widen(dir);
    if (!isNew || dir.defaultAcl) xattrs.clear(fd);
    this.#setOwner(dir, fd, entry);
    this.#setXattrs(fd, entry, !asRoot);
    this.#target.setMode(dir, entry.mode);
    this.#setXattrs(fd, entry, asRoot);
    dir.defaultAcl = entry.xattrs.has(defaultAclXattr);
    this.#target.setTime(dir, entry.mtime.sec, entry.mtime.nsec);
    dir.listed = tree.layer;
    tree.markUpper(dir);
  }

  /** Creates a directory without an entry, replacing any other type of file. */
  implicitDirectory(dir: DirectoryNode, name: ByteString): DirectoryNode {
    const made = this.#makeDirectory(dir, name);
    this.makeImplicit(made);
    return made;
  }

  /** Gives a directory the metadata of directories without an entry: 0755, 0:0, no xattrs, times of 1970. */
  makeImplicit(dir: DirectoryNode): void {
    const fd = this.#target.fd(dir);
    const { tree } = this.#target;
    if (dir.made !== tree.layer || dir.defaultAcl) this.#given.xattrs.clear(fd);
    dir.defaultAcl = false;
    this.#setOwner(dir, fd, implicitDirectory);
    this.#target.setMode(dir, implicitDirectory.mode);
    this.#target.setTime(dir, 0, 0);
    dir.made = tree.layer;
    tree.markUpper(dir);
    this.implicit.push(dir);
  }

  /**
   * Runs `make` on the open directory until it succeeds. An existing file is removed. If the directory's owner lacks
   * access to the directory, its mode is changed until the end of the layer.
   *
   * @param make returns 0 or more, or a negative errno
   * @returns what `make` returned
   * @throws SystemError
   */
  create(dir: DirectoryNode, name: ByteString, make: (parent: number) => number): number {
    this.#target.touch(dir);
    // what is made may cover a symlink of the layers below
    if (dir.lower !== null) this.#given.onRemoved();
    for (let replaced = false; ; ) {
      const done = make(this.#target.fd(dir));
      if (done >= 0) return done;
      if (done === -E.EEXIST && !replaced) replaced = this.remove(dir, name);
      else if (done !== -E.EACCES || !this.#target.widen(dir)) {
        throw new SystemError(-done, 'create', dir.pathOf(name));
      }
    }
  }

  /** Removes a file or a whole tree. @returns false if the name did not exist */
  remove(dir: DirectoryNode, name: ByteString): boolean {
    this.#given.onRemoved();
    return remove(this.#target, dir, name);
  }

  #makeDirectory(dir: DirectoryNode, name: ByteString): DirectoryNode {
    const { tree } = this.#target;
    const known = dir.children.get(name);
    const isHidden = tree.isHidden(dir, name);
    if (!isHidden && known instanceof DirectoryNode && known.seen === tree.layer) return known;
    const replaces = isHidden || (known !== undefined && tree.isUpper(known));
    const lower = this.#target.findLower(dir, name)?.directory ?? null;
    let found = -1;
    this.create(dir, name, (parent) => {
      const made = tryMkdirat(parent, name, 0o700);
      if (made !== -E.EEXIST) return made;
      found = this.#target.openIn(dir, name);
      // remove it only if it is certainly not a directory
      return found === -E.ENOTDIR || found === -E.ELOOP ? made : found;
    });
    const made =
      found >= 0 ? this.#target.adopt(dir, name, found) : this.#target.addDirectory(dir, name, lower);
    if (replaces) this.#given.onReplaced(made);
    return made;
  }

  #setXattrs(file: number | ByteString, entry: TarEntry, now: boolean): void {
    if (now && this.#given.xattrs.needed(entry)) this.#given.xattrs.set(file, entry);
  }

  #setOwner(dir: DirectoryNode, fd: number, entry: Pick<TarEntry, 'name' | 'uid' | 'gid'>): void {
    if (!this.#owners.settable) return;
    dir.gid = this.#owners.gid(entry);
    fchown(fd, this.#owners.uid(entry), dir.gid, entry.name);
  }

  /**
   * Sets the owner of a new file unless the file has it already. A new file gets the group of this process, or that of
   * the directory (if it has the setgid bit, or with the mount option `grpid`).
   */
  #giveTo(fd: number, entry: TarEntry, dir: DirectoryNode): void {
    if (!this.#owners.settable) return;
    const uid = this.#owners.uid(entry);
    const gid = this.#owners.gid(entry);
    if (uid !== ownUid || gid !== ownGid || dir.gid !== gid || !this.#ownsNew(fd, entry)) {
      fchown(fd, uid, gid, entry.name);
    }
  }

  /** True if new files belong to this process; a server or a mount option may change that. Checked once per layer. */
  #ownsNew(fd: number, { name }: TarEntry): boolean {
    if (this.#isOwner === undefined) {
      const { stat } = this.#target;
      statFd(fd, stat, name);
      this.#isOwner = stat.uid === ownUid && stat.gid === ownGid;
    }
    return this.#isOwner;
  }
}
