import type { ByteString } from '../../system/bytes.js';
import { close, O, openat } from '../../system/files.js';
import { type DirectoryEntry, readDirectory } from '../../system/readdir.js';
import type { Maker } from './make.js';
import type { Resolver } from './resolve.js';
import type { Target } from './target.js';
import { DirectoryNode } from './tree.js';

/**
 * What hides the layers below, in either format: image-spec layer.md, "Whiteouts" and "Opaque Whiteout". It never
 * hides anything of its own layer, whatever the order of the entries.
 */
export interface Whiteouts {
  /** The layers below have no `name` in this directory. Paths are cleaned; '' is the root. */
  hide(dirPath: ByteString, name: ByteString): void;
  /** The layers below have nothing in this directory. */
  hideAll(dirPath: ByteString): void;
  /** To be called once, after the last entry. */
  finish(): void;
}

interface Waiting {
  dirPath: ByteString;
  /** null: everything */
  name: ByteString | null;
}

/** Whiteouts in a directory that holds the layers below: what they hide is removed. */
export class PlainWhiteouts implements Whiteouts {
  readonly #target: Target;
  readonly #resolver: Resolver;
  readonly #maker: Maker;
  /**
   * Those whose directory is reached through a symlink of a lower layer. The layer may still put a directory in
   * the symlink's place; then they are not about what the symlink led to.
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
    if (name === null) this.#empty(dir);
    else this.#hide(dir, name);
  }

  #hide(dir: DirectoryNode, name: ByteString): void {
    const { tree } = this.#target;
    const node = dir.children.get(name);
    if (node === undefined || !tree.isUpper(node)) this.#maker.remove(dir, name);
    else if (node instanceof DirectoryNode) {
      this.#empty(node);
      // it is here only for what the layer has below it: a new directory, of which nobody said anything
      if (node.made !== tree.layer && node.listed !== tree.layer) this.#maker.makeImplicit(node);
    }
  }

  /** Removes what the layers below have in a directory. */
  #empty(dir: DirectoryNode): void {
    if (dir.made === this.#target.tree.layer) return;
    for (const { name } of this.#list(dir)) this.#hide(dir, name);
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
