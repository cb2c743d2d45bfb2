import { isHostXattr } from '../layer/host-xattrs.js';
import type { LowerFile } from '../layer/lower/lower-stack.js';
import { isMark } from '../layer/overlay-marks.js';
import type { LowerDependency } from '../overlay/fix-up/fix-up.js';
import type { LowerTree } from '../overlay/lower-tree.js';
import type { ByteString } from '../system/bytes.js';
import { ancestors } from '../system/paths.js';
import { readXattrs } from '../system/xattr.js';
import type { Description } from './tree.js';

/** The layers below an image, without what its whiteouts hide, and a record of what the image takes from them. */
export class Below {
  readonly lower: LowerTree | null;
  /** paths of whiteouts */
  readonly hidden = new Set<ByteString>();
  /** paths of opaque directories */
  readonly cleared = new Set<ByteString>();
  readonly #asked = new Set<ByteString>();
  #isBound = false;

  constructor(lower: LowerTree | null) {
    this.lower = lower;
  }

  /** Returns what the lower layers show at a path, or null. @param path without symlinks above it */
  find(path: ByteString): LowerFile | null {
    return this.hidden.has(path) ? null : this.findHidden(path);
  }

  /** Does the same as {@link find}, for a path that has a whiteout itself. */
  findHidden(path: ByteString): LowerFile | null {
    if (this.#isHiddenAbove(path)) return null;
    this.#asked.add(path);
    return this.lower?.find(path) ?? null;
  }

  /** Does the same as {@link find}, but sees hidden files too: a hardlink may still mean a file that a whiteout hides. */
  findForLink(path: ByteString): LowerFile | null {
    this.#asked.add(path);
    return this.lower?.find(path) ?? null;
  }

  /** Notes that the image is valid only on top of the same layers. */
  bind(): void {
    this.#isBound = true;
  }

  /** Returns what the image took from the lower layers; null if it is valid only on top of the same layers. */
  dependencies(): LowerDependency[] | null {
    if (this.#isBound) return null;
    return [...this.#asked].map((path) => ({ path, value: this.lower?.describe(path) ?? 'none' }));
  }

  #isHiddenAbove(path: ByteString): boolean {
    if (this.hidden.size + this.cleared.size === 0) return false;
    const above = ancestors(path);
    const isCleared = path !== '.' && this.cleared.has('.');
    return isCleared || above.some((directory) => this.hidden.has(directory) || this.cleared.has(directory));
  }
}

/** Returns the metadata of a lower file. */
export function describeLower({ path, stat }: LowerFile): Description {
  const { type, mode, uid, gid, mtimeSec, mtimeNsec } = stat;
  const xattrs = [...readXattrs(path)].filter(([name]) => !isHostXattr(name) && !isMark(name, 'trusted'));
  const mtime = { sec: mtimeSec, nsec: mtimeNsec };
  return { mode: type | mode, uid, gid, mtime, xattrs: new Map(xattrs) };
}
