import { constants, copyFileSync } from 'node:fs';
import type { ByteString, MapOptions, OverlayXattr } from 'layerhook';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  close,
  E,
  fchmodat,
  fchownat,
  fromText,
  linkat,
  mkdirat,
  mknodat,
  O,
  openat,
  readlinkat,
  removeXattr,
  renameat2,
  S,
  SystemError,
  setXattr,
  symlinkat,
  toBuffer,
  tryMknodat,
  tryRemoveTreeAt,
  UTIME_OMIT,
  unlinkat,
  utimensat,
} from 'layerhook/system';
import { namesIn } from './names-in.js';
import { type Kind, OverlayFiles } from './overlay-files.js';
import { isWithin, parentOf } from './paths.js';

interface Time {
  sec: number;
  nsec: number;
}

/** of the host, never from one file to another */
const hostOnly = 'security.selinux';

/**
 * The directory of a layer that is being settled. Nobody else changes it; paths are such that all but their last component
 * are directories there. Directories keep their times, whatever is changed in them.
 */
export class UpperLayer {
  readonly #root: ByteString;
  readonly #files: OverlayFiles;
  readonly #owner: { uid: number; gid: number } | null;
  readonly #times = new Map<ByteString, Time>();
  /** whether there is anything else in it than what was extracted, or less */
  rearranged = false;

  /** @param map says who owns directories that no layer describes */
  constructor(root: string, xattr: OverlayXattr, map: MapOptions) {
    this.#root = fromText(root);
    this.#files = new OverlayFiles(xattr);
    this.#owner = map.rootless ? null : { uid: hostRoot(map.uidMappings), gid: hostRoot(map.gidMappings) };
  }

  kindOf(path: ByteString): Kind {
    return this.#files.kindOf(this.pathOf(path));
  }

  isOpaque(path: ByteString): boolean {
    return this.#files.isOpaque(this.pathOf(path));
  }

  /** Whether nothing of the layers below shows at a path because of a directory above it. */
  isBelowOpaque(path: ByteString): boolean {
    for (let dir = path; dir !== '.'; ) {
      dir = parentOf(dir);
      if (this.kindOf(dir) === 'directory' && this.isOpaque(dir)) return true;
    }
    return false;
  }

  /** Hides what the layers below have at a path where the layer has nothing. */
  makeWhiteout(path: ByteString): void {
    this.#touchParent(path);
    const at = this.pathOf(path);
    const done = tryMknodat(AT_FDCWD, at, S.IFCHR, 0, 0);
    if (done === -E.EPERM) this.#makeMarkedFile(path);
    else if (done < 0) throw new SystemError(-done, 'mknodat', at);
  }

  markOpaque(path: ByteString): void {
    setXattr(this.pathOf(path), this.#files.nameOf('opaque'), Buffer.from('y'));
  }

  /** Names in a directory. */
  list(path: ByteString): ByteString[] {
    return namesIn(this.pathOf(path));
  }

  readlink(path: ByteString): ByteString {
    return readlinkat(AT_FDCWD, this.pathOf(path));
  }

  /** Gives a directory the owner, mode, attributes and time of another. */
  describeAs(path: ByteString, like: ByteString): void {
    const at = this.pathOf(path);
    this.#copyAttributes(like, at);
    const { mtimeSec, mtimeNsec } = this.#files.stat;
    this.#times.set(path, { sec: mtimeSec, nsec: mtimeNsec });
  }

  /** Makes a directory what those are that no layer describes: 0755, root's, without attributes, of 1970. */
  describeAsImplicit(path: ByteString): void {
    const at = this.pathOf(path);
    for (const [name] of this.#files.xattrsOf(at)) if (name !== hostOnly) removeXattr(at, name);
    if (this.#owner) fchownat(AT_FDCWD, at, this.#owner.uid, this.#owner.gid);
    fchmodat(AT_FDCWD, at, 0o755);
    this.#times.set(path, { sec: 0, nsec: 0 });
  }

  /** @param like the directory below that it stands for; null: there is none */
  makeDirectory(path: ByteString, like: ByteString | null): void {
    this.#touchParent(path);
    mkdirat(AT_FDCWD, this.pathOf(path), 0o700);
    if (like === null) this.describeAsImplicit(path);
    else this.describeAs(path, like);
  }

  remove(path: ByteString): void {
    this.#touchParent(path);
    const done = tryRemoveTreeAt(AT_FDCWD, this.pathOf(path));
    if (done < 0) throw new SystemError(-done, 'unlinkat', path);
    for (const known of this.#times.keys()) if (isWithin(known, path)) this.#times.delete(known);
  }

  removeEmpty(path: ByteString): void {
    this.#touchParent(path);
    unlinkat(AT_FDCWD, this.pathOf(path), AT_REMOVEDIR);
    this.#times.delete(path);
  }

  /** Moves to where nothing is. */
  rename(from: ByteString, to: ByteString): void {
    this.#touchParent(from);
    this.#touchParent(to);
    renameat2(AT_FDCWD, this.pathOf(from), AT_FDCWD, this.pathOf(to), 0);
    for (const [path, time] of [...this.#times]) {
      if (!isWithin(path, from)) continue;
      this.#times.delete(path);
      this.#times.set(to + path.slice(from.length), time);
    }
  }

  link(path: ByteString, to: ByteString): void {
    this.#touchParent(to);
    linkat(AT_FDCWD, this.pathOf(path), AT_FDCWD, this.pathOf(to));
  }

  /** Makes a copy of something that is no directory, with all that belongs to it. */
  copyFrom(source: ByteString, path: ByteString): void {
    this.#touchParent(path);
    const at = this.pathOf(path);
    const kind = this.#files.kindOf(source);
    const { stat } = this.#files;
    if (kind === 'symlink') symlinkat(readlinkat(AT_FDCWD, source), AT_FDCWD, at);
    else if (stat.isFile) {
      const { COPYFILE_EXCL, COPYFILE_FICLONE } = constants;
      copyFileSync(toBuffer(source), toBuffer(at), COPYFILE_EXCL | COPYFILE_FICLONE);
    } else mknodat(AT_FDCWD, at, stat.type | 0o600, stat.rdevMajor, stat.rdevMinor);
    this.#copyAttributes(source, at);
    const { mtimeSec, mtimeNsec } = this.#files.stat;
    utimensat(AT_FDCWD, at, mtimeSec, mtimeNsec, mtimeSec, mtimeNsec);
  }

  /** Gives the directories that were changed the times that they are to have. */
  restoreTimes(): void {
    for (const [path, { sec, nsec }] of this.#times)
      utimensat(AT_FDCWD, this.pathOf(path), 0, UTIME_OMIT, sec, nsec);
    this.#times.clear();
  }

  pathOf(path: ByteString): ByteString {
    return `${this.#root}/${path}`;
  }

  /** The other form of a whiteout, since Linux 6.7, where devices 0:0 are refused. */
  #makeMarkedFile(path: ByteString): void {
    const at = this.pathOf(path);
    close(openat(AT_FDCWD, at, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600));
    setXattr(at, this.#files.nameOf('whiteout'), Buffer.from('y'));
    for (const dir of [parentOf(path), '.'])
      if (!this.isOpaque(dir)) setXattr(this.pathOf(dir), this.#files.nameOf('opaque'), Buffer.from('x'));
  }

  /** Leaves `stat` of the source behind. */
  #copyAttributes(source: ByteString, at: ByteString): void {
    this.#files.kindOf(source);
    const { mode, uid, gid, isSymlink } = this.#files.stat;
    if (this.#owner) fchownat(AT_FDCWD, at, uid, gid);
    if (!isSymlink) fchmodat(AT_FDCWD, at, mode);
    for (const [name, value] of this.#files.xattrsOf(source)) {
      if (name !== hostOnly) setXattr(at, name, value);
    }
  }

  #touchParent(path: ByteString): void {
    this.rearranged = true;
    const dir = parentOf(path);
    if (this.#times.has(dir)) return;
    this.kindOf(dir);
    const { mtimeSec, mtimeNsec } = this.#files.stat;
    this.#times.set(dir, { sec: mtimeSec, nsec: mtimeNsec });
  }
}

function hostRoot(ranges: MapOptions['uidMappings']): number {
  const range = ranges.find(({ containerID, size }) => containerID === 0 && size > 0);
  return range?.hostID ?? 0;
}
