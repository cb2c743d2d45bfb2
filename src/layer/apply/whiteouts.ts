import { openat } from '../../system/access.js';
import type { ByteString } from '../../system/bytes.js';
import { close, O } from '../../system/files.js';
import { type DirectoryEntry, readDirectory } from '../../system/readdir.js';
import type { Maker } from './make.js';
import type { Resolver } from './resolve.js';
import type { Target } from './target.js';
import { DirectoryNode } from './tree.js';

/**
 * Hides files of the layers below, by removing them or by writing whiteouts: image-spec layer.md, "Whiteouts" and
 * "Opaque Whiteout". It never hides files of its own layer; the order of the entries does not matter.
 */
export interface Whiteouts {
  /** Hides `name` of the layers below in this directory. Paths are cleaned; `.` is the root. */
  hide(dirPath: ByteString, name: ByteString): void;
  /** Hides everything of the layers below in this directory. */
  hideAll(dirPath: ByteString): void;
  /** Must be called once, after the last entry. */
  finish(): void;
}

interface Waiting {
  dirPath: ByteString;
  /** null: everything in the directory */
  name: ByteString | null;
}

/** A directory that is being emptied. */
interface Emptied {
  dir: DirectoryNode;
  /** names that must still be hidden, the first one last */
  names: DirectoryEntry[];
}

/** Whiteouts in a directory that holds the layers below: hidden files are removed. */
export class PlainWhiteouts implements Whiteouts {
  readonly #target: Target;
  readonly #resolver: Resolver;
  readonly #maker: Maker;
  /**
   * Whiteouts whose directory is reached through a symlink of a lower layer. They wait, because the layer may still
   * replace the symlink by a directory; in that case they must not affect the symlink's target.
   */
  readonly #waiting: Waiting[] = [];

  constructor(target: Target, resolver: Resolver, maker: Maker) {
    this.#target = target;
    this.#resolver = resolver;
    this.#maker = maker;
  }

  hide(dirPath: ByteString, name: ByteString): void {
    this.#now({ dirPath, name });
  }

  hideAll(dirPath: ByteString): void {
    this.#now({ dirPath, name: null });
  }

  finish(): void {
    for (const waiting of this.#waiting) {
      this.#target.nextEntry();
      const { dir } = this.#resolver.find(waiting.dirPath, { own: false });
      if (dir !== null) this.#apply(dir, waiting.name);
    }
  }

  #now(whiteout: Waiting): void {
    const { dir, followed } = this.#resolver.find(whiteout.dirPath, { own: false });
    if (dir === null) return;
    if (followed) this.#waiting.push(whiteout);
    else this.#apply(dir, whiteout.name);
  }

  #apply(dir: DirectoryNode, name: ByteString | null): void {
    const levels: Emptied[] = [];
    const begin = (node: DirectoryNode | null) => node && levels.push(this.#begin(node));
    if (name === null) begin(dir);
    else begin(this.#hide(dir, name));
    // no recursion, because the image chooses the depth
    for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
      const entry = level.names.pop();
      if (entry !== undefined) begin(this.#hide(level.dir, entry.name));
      else {
        levels.pop();
        if (level.dir !== dir) this.#finish(level.dir);
      }
    }
  }

  /** Hides a name. @returns a directory of this layer whose content from the layers below must be hidden too */
  #hide(dir: DirectoryNode, name: ByteString): DirectoryNode | null {
    const { tree } = this.#target;
    const node = dir.children.get(name);
    if (node === undefined || !tree.isUpper(node)) this.#maker.remove(dir, name);
    else if (node instanceof DirectoryNode) return node;
    return null;
  }

  /** Begins to hide everything of the layers below in a directory. */
  #begin(dir: DirectoryNode): Emptied {
    const names = dir.made === this.#target.tree.layer ? [] : this.#list(dir).reverse();
    return { dir, names };
  }

  /** A directory that stays only because the layer has files below it is a new one without an entry of its own. */
  #finish(dir: DirectoryNode): void {
    const { layer } = this.#target.tree;
    if (dir.made !== layer && dir.listed !== layer) this.#maker.makeImplicit(dir);
  }

  #list(dir: DirectoryNode): DirectoryEntry[] {
    const fd = openat(this.#target.fd(dir), '.', O.RDONLY | O.DIRECTORY);
    try {
      return readDirectory(fd);
    } finally {
      close(fd);
    }
  }
}
