import { constants, copyFileSync } from 'node:fs';
import { isHostXattr } from '../../layer/host-xattrs.js';
import { isMark, isWhiteout, makeWhiteout, markOpaque, readMarks } from '../../layer/overlay-marks.js';
import type { MapOptions, OverlayXattr } from '../../layer/types.js';
import { readlinkat, statAt, withAccess, writing } from '../../system/access.js';
import { fchmodat, fchownat, UTIME_OMIT, utimensat } from '../../system/attributes.js';
import { type ByteString, fromText, toBuffer } from '../../system/bytes.js';
import { SystemError } from '../../system/errno.js';
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  linkat,
  mkdirat,
  mknodat,
  renameat2,
  symlinkat,
  unlinkat,
} from '../../system/files.js';
import { check } from '../../system/libc.js';
import { isWithin, parentOf } from '../../system/paths.js';
import { tryRemoveTreeAt } from '../../system/remove.js';
import { StatBuffer } from '../../system/stat.js';
import { readXattrs, removeXattr, setXattr } from '../../system/xattr.js';
import { namesAt } from '../files.js';
import type { LowerFile } from '../lower-stack.js';

/** What a path of the layer is to overlayfs. */
export type Kind = 'none' | 'whiteout' | 'directory' | 'symlink' | 'other';

interface Time {
  sec: number;
  nsec: number;
}

/**
 * The directory of a layer that is being fixed up. No other process changes it. All components of a path but the last one
 * are directories there. Directories keep their times when their content changes.
 */
export class UpperLayer {
  readonly #root: ByteString;
  readonly #xattr: OverlayXattr;
  /** of the path that was looked at last */
  readonly #stat = new StatBuffer();
  readonly #owner: { uid: number; gid: number } | null;
  readonly #times = new Map<ByteString, Time>();
  /** true if files were added, moved or removed */
  rearranged = false;

  /** @param map decides the owner of directories that no layer lists */
  constructor(root: string, xattr: OverlayXattr, map: MapOptions) {
    this.#root = fromText(root);
    this.#xattr = xattr;
    this.#owner = map.rootless ? null : { uid: hostRoot(map.uidMappings), gid: hostRoot(map.gidMappings) };
  }

  kindOf(path: ByteString): Kind {
    return this.#kindAt(this.pathOf(path));
  }

  isOpaque(path: ByteString): boolean {
    return readMarks(this.pathOf(path), this.#xattr).opaque;
  }

  /** Returns true if a directory above a path hides the lower layers. */
  isBelowOpaque(path: ByteString): boolean {
    for (let dir = path; dir !== '.'; ) {
      dir = parentOf(dir);
      if (this.kindOf(dir) === 'directory' && this.isOpaque(dir)) return true;
    }
    return false;
  }

  /** Makes a whiteout where the layer has nothing. */
  makeWhiteout(path: ByteString): void {
    this.#touchParent(path);
    change(this.pathOf(path), () => makeWhiteout(this.#root, path, this.#xattr));
  }

  markOpaque(path: ByteString): void {
    markOpaque(this.pathOf(path), this.#xattr);
  }

  /** Returns the names in a directory. */
  list(path: ByteString): ByteString[] {
    return [...namesAt(this.pathOf(path))];
  }

  readlink(path: ByteString): ByteString {
    return readlinkat(AT_FDCWD, this.pathOf(path));
  }

  /** Gives a directory the owner, mode, attributes and times of another. */
  describeAs(path: ByteString, like: ByteString): void {
    const at = this.pathOf(path);
    this.#copyAttributes(like, at);
    const { mtimeSec, mtimeNsec } = this.#stat;
    this.#times.set(path, { sec: mtimeSec, nsec: mtimeNsec });
  }

  /** Describes a directory that no layer lists: mode 0755, owned by root, without attributes, of 1970. */
  describeAsImplicit(path: ByteString): void {
    const at = this.pathOf(path);
    for (const [name] of this.#xattrsOf(at)) removeXattr(at, name);
    if (this.#owner) fchownat(AT_FDCWD, at, this.#owner.uid, this.#owner.gid);
    fchmodat(AT_FDCWD, at, 0o755);
    this.#times.set(path, { sec: 0, nsec: 0 });
  }

  /** @param like absolute path of the lower directory that it stands for; null: a new directory */
  makeDirectory(path: ByteString, like: ByteString | null): void {
    this.#touchParent(path);
    change(this.pathOf(path), (at) => mkdirat(AT_FDCWD, at, 0o700));
    if (like === null) this.describeAsImplicit(path);
    else this.describeAs(path, like);
  }

  remove(path: ByteString): void {
    this.#touchParent(path);
    change(this.pathOf(path), (at) => check(tryRemoveTreeAt(AT_FDCWD, at), 'unlinkat', path));
    for (const known of this.#times.keys()) if (isWithin(known, path)) this.#times.delete(known);
  }

  removeEmpty(path: ByteString): void {
    this.#touchParent(path);
    change(this.pathOf(path), (at) => unlinkat(AT_FDCWD, at, AT_REMOVEDIR));
    this.#times.delete(path);
  }

  /** Moves a file to a path where nothing is. */
  rename(from: ByteString, to: ByteString): void {
    this.#touchParent(from);
    this.#touchParent(to);
    change(this.pathOf(from), (old) =>
      change(this.pathOf(to), (at) => renameat2(AT_FDCWD, old, AT_FDCWD, at, 0)),
    );
    for (const [path, time] of [...this.#times]) {
      if (!isWithin(path, from)) continue;
      this.#times.delete(path);
      this.#times.set(to + path.slice(from.length), time);
    }
  }

  link(path: ByteString, to: ByteString): void {
    this.#touchParent(to);
    change(this.pathOf(to), (at) => linkat(AT_FDCWD, this.pathOf(path), AT_FDCWD, at));
  }

  /** Copies a lower file other than a directory, with its metadata. */
  copyFrom(source: LowerFile, path: ByteString): void {
    this.#touchParent(path);
    const at = this.pathOf(path);
    const { stat } = source;
    withAccess(AT_FDCWD, source.path, () => change(at, () => copyContent(source, at)));
    this.#copyAttributes(source.path, at);
    const { mtimeSec, mtimeNsec } = stat;
    utimensat(AT_FDCWD, at, mtimeSec, mtimeNsec, mtimeSec, mtimeNsec);
  }

  /** Restores the times of the directories whose content changed. */
  restoreTimes(): void {
    for (const [path, { sec, nsec }] of this.#times)
      utimensat(AT_FDCWD, this.pathOf(path), 0, UTIME_OMIT, sec, nsec);
    this.#times.clear();
  }

  pathOf(path: ByteString): ByteString {
    return `${this.#root}/${path}`;
  }

  /** @param path absolute @returns its kind; `#stat` describes it */
  #kindAt(path: ByteString): Kind {
    if (!statAt(AT_FDCWD, path, this.#stat)) return 'none';
    if (this.#stat.isDirectory) return 'directory';
    if (this.#stat.isSymlink) return 'symlink';
    // extraction escapes the marks of images, so a marked file is a whiteout in any directory
    return isWhiteout(this.#stat, true, path, this.#xattr) ? 'whiteout' : 'other';
  }

  /** Copies owner, mode and attributes; `#stat` then describes the source. */
  #copyAttributes(source: ByteString, at: ByteString): void {
    if (!statAt(AT_FDCWD, source, this.#stat)) throw new SystemError('ENOENT', 'statx', source);
    const { mode, uid, gid, isSymlink } = this.#stat;
    if (this.#owner) fchownat(AT_FDCWD, at, uid, gid);
    if (!isSymlink) fchmodat(AT_FDCWD, at, mode);
    for (const [name, value] of this.#xattrsOf(source)) setXattr(at, name, value);
  }

  /** Returns the attributes that come from an image: neither marks nor those of the host. */
  #xattrsOf(path: ByteString): [name: ByteString, value: Buffer][] {
    return [...readXattrs(path)].filter(([name]) => !isHostXattr(name) && !isMark(name, this.#xattr));
  }

  #touchParent(path: ByteString): void {
    this.rearranged = true;
    const dir = parentOf(path);
    if (this.#times.has(dir)) return;
    this.kindOf(dir);
    const { mtimeSec, mtimeNsec } = this.#stat;
    this.#times.set(dir, { sec: mtimeSec, nsec: mtimeNsec });
  }
}

/** Changes names in the directory of a path, also if its mode denies it. */
function change(path: ByteString, call: (path: ByteString) => unknown): void {
  withAccess(AT_FDCWD, path, () => call(path), writing);
}

/** Makes a file with the content of a lower file other than a directory. */
function copyContent({ path, stat }: LowerFile, to: ByteString): void {
  const { COPYFILE_EXCL, COPYFILE_FICLONE } = constants;
  if (stat.isSymlink) symlinkat(readlinkat(AT_FDCWD, path), AT_FDCWD, to);
  else if (stat.isFile) copyFileSync(toBuffer(path), toBuffer(to), COPYFILE_EXCL | COPYFILE_FICLONE);
  else mknodat(AT_FDCWD, to, stat.type | 0o600, stat.rdevMajor, stat.rdevMinor);
}

function hostRoot(ranges: MapOptions['uidMappings']): number {
  const range = ranges.find(({ containerID, size }) => containerID === 0 && size > 0);
  return range?.hostID ?? 0;
}
