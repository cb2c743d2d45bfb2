import { isHostXattr } from '../../layer/host-xattrs.js';
import { isMark, isWhiteout, makeWhiteout, markOpaque, readMarks } from '../../layer/overlay-marks.js';
import type { MapOptions, OverlayXattr } from '../../layer/types.js';
import { statAt, withAccess, writing } from '../../system/access.js';
import { fchmodat, fchownat, unchangedTime, utimensat } from '../../system/attributes.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { SystemError } from '../../system/errno.js';
import { AT_FDCWD } from '../../system/files.js';
import { check } from '../../system/libc.js';
import { parentOf } from '../../system/paths.js';
import { tryRemoveTreeAt } from '../../system/remove.js';
import { StatBuffer } from '../../system/stat.js';
import { readXattrs, removeXattr, setXattr } from '../../system/xattr.js';

/** What a path of the layer is to overlayfs. */
export type Kind = 'none' | 'whiteout' | 'directory' | 'other';

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

  /** @param map decides the owner of directories that no layer lists */
  constructor(root: string, xattr: OverlayXattr, map: MapOptions) {
    this.#root = fromText(root);
    this.#xattr = xattr;
    this.#owner = map.rootless ? null : { uid: hostRoot(map.uidMappings), gid: hostRoot(map.gidMappings) };
  }

  kindOf(path: ByteString): Kind {
    return this.#kindAt(this.#pathOf(path));
  }

  isOpaque(path: ByteString): boolean {
    return readMarks(this.#pathOf(path), this.#xattr).opaque;
  }

  /** Makes a whiteout where the layer has nothing. */
  makeWhiteout(path: ByteString): void {
    this.#touchParent(path);
    change(this.#pathOf(path), () => makeWhiteout(this.#root, path, this.#xattr));
  }

  markOpaque(path: ByteString): void {
    markOpaque(this.#pathOf(path), this.#xattr);
  }

  /** Gives a directory the owner, mode, attributes and times of another. */
  describeAs(path: ByteString, like: ByteString): void {
    const at = this.#pathOf(path);
    this.#copyAttributes(like, at);
    const { mtimeSec, mtimeNsec } = this.#stat;
    this.#times.set(path, { sec: mtimeSec, nsec: mtimeNsec });
  }

  /** Describes a directory that no layer lists: mode 0755, owned by root, without attributes, of 1970. */
  describeAsImplicit(path: ByteString): void {
    const at = this.#pathOf(path);
    for (const [name] of this.#xattrsOf(at)) removeXattr(at, name);
    if (this.#owner) fchownat(AT_FDCWD, at, this.#owner.uid, this.#owner.gid);
    fchmodat(AT_FDCWD, at, 0o755);
    this.#times.set(path, { sec: 0, nsec: 0 });
  }

  remove(path: ByteString): void {
    this.#touchParent(path);
    change(this.#pathOf(path), (at) => check(tryRemoveTreeAt(AT_FDCWD, at), 'unlinkat', path));
  }

  /** Restores the times of the directories whose content changed. */
  restoreTimes(): void {
    for (const [path, mtime] of this.#times) {
      const isThere = this.kindOf(path) !== 'none';
      if (isThere) utimensat(AT_FDCWD, this.#pathOf(path), unchangedTime, mtime);
    }
    this.#times.clear();
  }

  #pathOf(path: ByteString): ByteString {
    return `${this.#root}/${path}`;
  }

  /** @param path absolute @returns its kind; `#stat` describes it */
  #kindAt(path: ByteString): Kind {
    if (!statAt(AT_FDCWD, path, this.#stat)) return 'none';
    if (this.#stat.isDirectory) return 'directory';
    // extraction escapes the marks of images, so a marked file is a whiteout in any directory
    return isWhiteout(this.#stat, true, path, this.#xattr) ? 'whiteout' : 'other';
  }

  /** Copies owner, mode and attributes; `#stat` then describes the source. */
  #copyAttributes(source: ByteString, at: ByteString): void {
    if (!statAt(AT_FDCWD, source, this.#stat)) throw new SystemError('ENOENT', 'statx', source);
    const { mode, uid, gid } = this.#stat;
    if (this.#owner) fchownat(AT_FDCWD, at, uid, gid);
    fchmodat(AT_FDCWD, at, mode);
    for (const [name, value] of this.#xattrsOf(source)) setXattr(at, name, value);
  }

  /** Returns the attributes that come from an image: neither marks nor those of the host. */
  #xattrsOf(path: ByteString): [name: ByteString, value: Buffer][] {
    return [...readXattrs(path)].filter(([name]) => !isHostXattr(name) && !isMark(name, this.#xattr));
  }

  #touchParent(path: ByteString): void {
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

function hostRoot(ranges: MapOptions['uidMappings']): number {
  const range = ranges.find(({ containerID, size }) => containerID === 0 && size > 0);
  return range?.hostID ?? 0;
}
