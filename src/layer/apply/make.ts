import { fchmod, fchmodat, fchown, fchownat, futimens, utimensat } from '../../system/attributes.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { E, isErrno, SystemError } from '../../system/errno.js';
import { close, O, S, tryMkdirat, tryMknodat, tryOpenat, trySymlinkat } from '../../system/files.js';
import { statFd } from '../../system/stat.js';
import { hasXattrs, pathIn } from '../../system/xattr.js';
import type { HoleBudget } from '../holes.js';
import type { TarReader } from '../tar/index.js';
import type { ApplyOptions, TarEntry } from '../types.js';
import { ContentWriter } from './content.js';
import { MadeFile } from './made-file.js';
import { Owners } from './owners.js';
import { remove } from './remove.js';
import type { Target } from './target.js';
import { DirectoryNode, type FileNode } from './tree.js';
import type { Warn, Xattrs } from './xattrs.js';

const NEW_FILE = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
/** what keeps others out until a file is what it is to be */
const OWN_FILE = 0o600;
const DEFAULT_ACL = 'system.posix_acl_default';
const specialTypes = { fifo: S.IFIFO, char: S.IFCHR, block: S.IFBLK } as const;

/**
 * To set `user.` attributes takes permission to write, which only root has whatever the mode: others set them
 * before the mode. After it is better: an access list and the mode change each other; acl(5).
 */
const ownUid = process.geteuid?.();
const asRoot = ownUid === 0;
const ownGid = process.getegid?.();

/** What a directory is that nothing in the layer describes. */
const implicitDirectory = { name: '', uid: 0, gid: 0, mode: 0o755 };

export interface MakerOptions {
  options: ApplyOptions;
  xattrs: Xattrs;
  warn: Warn;
  /** keep the digest of all content */
  digests: boolean;
  /** how many holes may be hashed for that */
  holes: HoleBudget;
  /** called when something was removed that a path may have led through */
  onRemoved: () => void;
  /** called for a directory in the place of what the same layer had made there */
  onReplaced: (dir: DirectoryNode) => void;
}

/**
 * Makes what entries describe, in a directory that is known to be one. What is there already is unlinked, never
 * opened or followed. Then owner, mode, extended attributes, time, in this order: a change of owner takes setuid bits
 * and capabilities away.
 */
export class Maker {
  readonly #target: Target;
  readonly #owners: Owners;
  readonly #content: ContentWriter;
  readonly #given: MakerOptions;
  /** what this process makes belongs to it; undefined: not known yet */
  #isOwner: boolean | undefined;
  /** modes, and whether a file that is made with one has it: masks and mount options may say otherwise */
  readonly #madeWith = new Map<number, boolean>();
  /** directories that no entry described when they were made, those above first */
  readonly implicit: DirectoryNode[] = [];

  constructor(target: Target, given: MakerOptions) {
    this.#target = target;
    this.#given = given;
    this.#owners = new Owners(given.options.map);
    this.#content = new ContentWriter(target.tree.digests, given.digests, given.holes);
  }

  /** Makes a regular file with the content that `reader` is at; none: an empty file. */
  file(dir: DirectoryNode, name: ByteString, entry: TarEntry, reader: TarReader | null): void {
    const asItIs = this.#mayHaveModeAtOnce(dir, entry);
    const mode = asItIs ? entry.mode : OWN_FILE;
    const fd = this.create(dir, name, (parent) => tryOpenat(parent, name, NEW_FILE, mode));
    try {
      const digest = reader === null ? this.#content.empty() : this.#content.write(fd, entry, reader);
      if (dir.defaultAcl) this.#given.xattrs.clear(fd, entry.name);
      this.#giveTo(fd, entry, dir);
      this.#setXattrs(fd, entry, !asRoot);
      if (!asItIs || !this.#hasMode(fd, entry)) fchmod(fd, entry.mode, entry.name);
      this.#setXattrs(fd, entry, asRoot);
      const { sec, nsec } = entry.mtime;
      futimens(fd, sec, nsec, sec, nsec, entry.name);
      const node = this.#target.addFile(dir, name, digest);
      if (this.#given.digests) this.#remember(node, fd, entry, dir);
    } finally {
      close(fd);
    }
  }

  /** Whether a file can be made with its mode, since nothing that is done to it then changes that. */
  #mayHaveModeAtOnce({ defaultAcl }: DirectoryNode, entry: TarEntry): boolean {
    if (entry.mode > 0o777 || defaultAcl || this.#given.xattrs.needed(entry)) return false;
    return this.#madeWith.get(entry.mode) !== false;
  }

  /** Whether a file that was made with its mode has it. Asked once a layer for each mode. */
  #hasMode(fd: number, { name, mode }: TarEntry): boolean {
    const known = this.#madeWith.get(mode);
    if (known !== undefined) return known;
    const { stat } = this.#target;
    statFd(fd, stat, name);
    this.#madeWith.set(mode, stat.mode === mode);
    return stat.mode === mode;
  }

  /** Keeps of a file that was just made what a manifest needs. */
  #remember(node: FileNode, fd: number, entry: TarEntry, dir: DirectoryNode): void {
    const plain = !dir.defaultAcl && !this.#given.xattrs.needed(entry);
    // asked here, of an open file, and not by its path for the manifest
    node.bare = plain ? this.#isBareIn(dir, fd) : !hasXattrs(fd);
    if (!node.bare || !plain || !asRoot || !this.#owners.settable) return;
    node.made = MadeFile.of(entry, { uid: this.#owners.uid(entry), gid: this.#owners.gid(entry) });
  }

  /** What security modules attach to a new file goes by the directory: the first one shows it. */
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

  /** Owner, attributes and time of a symlink. */
  setLink(dir: DirectoryNode, name: ByteString, entry: TarEntry): void {
    const parent = this.#target.fd(dir);
    if (this.#owners.settable) fchownat(parent, name, this.#owners.uid(entry), this.#owners.gid(entry));
    this.#setXattrs(pathIn(parent, name), entry, true);
    utimensat(parent, name, entry.mtime.sec, entry.mtime.nsec, entry.mtime.sec, entry.mtime.nsec);
    this.#target.addFile(dir, name);
  }

  /** Makes a device or fifo; an empty file where a device may not be made. */
  special(dir: DirectoryNode, name: ByteString, entry: TarEntry): void {
    if (this.#makeNode(dir, name, entry)) this.#setNode(dir, name, entry);
    else {
      const shown = showBytes(entry.name);
      this.#given.warn('device', `${shown}: devices need privileges, an empty file takes its place`);
      this.file(dir, name, entry, null);
    }
  }

  /** @returns false if that needs privileges that we lack */
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

  #setNode(dir: DirectoryNode, name: ByteString, entry: TarEntry): void {
    if (dir.defaultAcl) this.#given.xattrs.clear(pathIn(this.#target.fd(dir), name), entry.name);
    if (this.#owners.settable) {
      fchownat(this.#target.fd(dir), name, this.#owners.uid(entry), this.#owners.gid(entry));
    }
    fchmodat(this.#target.fd(dir), name, entry.mode);
    this.setLink(dir, name, entry);
  }

  /** Makes a directory, or changes the one that is there, to what the entry says. */
  directory(dir: DirectoryNode, name: ByteString, entry: TarEntry): void {
    this.describe(this.#makeDirectory(dir, name), entry);
  }

  /** Changes a directory to what its entry says. */
  describe(dir: DirectoryNode, entry: TarEntry): void {
    const { tree } = this.#target;
    const { xattrs } = this.#given;
    const fd = this.#target.fd(dir);
    const isNew = dir.made === tree.layer && dir.listed !== tree.layer;
    if (!isNew && !asRoot) this.#target.widen(dir);
    if (!isNew || dir.defaultAcl) xattrs.clear(fd, entry.name);
    this.#setOwner(dir, fd, entry);
    this.#setXattrs(fd, entry, !asRoot);
    this.#target.setMode(dir, entry.mode);
    this.#setXattrs(fd, entry, asRoot);
    dir.defaultAcl = entry.xattrs.has(DEFAULT_ACL);
    this.#target.setTime(dir, entry.mtime.sec, entry.mtime.nsec);
    dir.listed = tree.layer;
    tree.markUpper(dir);
  }

  /** Makes a directory that no entry describes, in the place of whatever is no directory. */
  implicitDirectory(dir: DirectoryNode, name: ByteString): DirectoryNode {
    const made = this.#makeDirectory(dir, name);
    this.makeImplicit(made);
    return made;
  }

  /** Makes a directory what those are that no entry describes: 0755, root's, without attributes, of 1970. */
  makeImplicit(dir: DirectoryNode): void {
    const fd = this.#target.fd(dir);
    const { tree } = this.#target;
    if (dir.made !== tree.layer || dir.defaultAcl) this.#given.xattrs.clear(fd, dir.path);
    dir.defaultAcl = false;
    this.#setOwner(dir, fd, implicitDirectory);
    this.#target.setMode(dir, implicitDirectory.mode);
    this.#target.setTime(dir, 0, 0);
    dir.made = tree.layer;
    tree.markUpper(dir);
    this.implicit.push(dir);
  }

  /**
   * Runs `make` on the open directory until it succeeds: what is in the way is removed, and if the directory's
   * owner has no access to it, its mode is changed until the end of the layer.
   *
   * @param make returns 0 or more, or a negative errno
   * @returns what `make` returned
   * @throws SystemError
   */
  create(dir: DirectoryNode, name: ByteString, make: (parent: number) => number): number {
    this.#target.touch(dir);
    for (let replaced = false; ; ) {
      const done = make(this.#target.fd(dir));
      if (done >= 0) return done;
      if (done === -E.EEXIST && !replaced) replaced = this.remove(dir, name);
      else if (done !== -E.EACCES || !this.#target.widen(dir)) {
        throw new SystemError(-done, 'create', dir.pathOf(name));
      }
    }
  }

  /** Removes what is there, with all below it. @returns false if there was nothing */
  remove(dir: DirectoryNode, name: ByteString): boolean {
    this.#given.onRemoved();
    return remove(this.#target, dir, name);
  }

  #makeDirectory(dir: DirectoryNode, name: ByteString): DirectoryNode {
    const { tree } = this.#target;
    const known = dir.children.get(name);
    if (known instanceof DirectoryNode && known.seen === tree.layer) return known;
    const replaces = known !== undefined && tree.isUpper(known);
    let found = -1;
    this.create(dir, name, (parent) => {
      const made = tryMkdirat(parent, name, 0o700);
      if (made !== -E.EEXIST) return made;
      found = this.#target.openIn(dir, name);
      // only what is known to be no directory is removed
      return found === -E.ENOTDIR || found === -E.ELOOP ? made : found;
    });
    if (found >= 0) return this.#target.adopt(dir, name, found);
    const added = this.#target.addDirectory(dir, name);
    if (replaces) this.#given.onReplaced(added);
    return added;
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
   * Sets the owner of a file that was just made, unless it has it: its group is that of this process, or of the directory
   * (one with the setgid bit, or any with the mount option `grpid`).
   */
  #giveTo(fd: number, entry: TarEntry, dir: DirectoryNode): void {
    if (!this.#owners.settable) return;
    const uid = this.#owners.uid(entry);
    const gid = this.#owners.gid(entry);
    if (uid !== ownUid || gid !== ownGid || dir.gid !== gid || !this.#ownsNew(fd, entry)) {
      fchown(fd, uid, gid, entry.name);
    }
  }

  /** Whether what this process makes is its own: a server or a mount option may say otherwise. Asked once a layer. */
  #ownsNew(fd: number, { name }: TarEntry): boolean {
    if (this.#isOwner === undefined) {
      const { stat } = this.#target;
      statFd(fd, stat, name);
      this.#isOwner = stat.uid === ownUid && stat.gid === ownGid;
    }
    return this.#isOwner;
  }
}
