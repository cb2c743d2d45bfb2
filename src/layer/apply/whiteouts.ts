import { openat } from '../../system/access.js';
import type { ByteString } from '../../system/bytes.js';
import { close, O } from '../../system/files.js';
import { componentsReversed } from '../../system/paths.js';
import { readDirectory } from '../../system/readdir.js';
import type { Maker } from './make.js';
import type { Resolver } from './resolve.js';
import type { Target } from './target.js';
import { DirectoryNode } from './tree.js';

/** A whiteout or an opaque marker. */
interface Whiteout {
  /** cleaned; `.` is the root */
  dirPath: ByteString;
  /** null: everything in the directory */
  name: ByteString | null;
}

/**
 * Hides files of the layers below: image-spec layer.md, "Whiteouts" and "Opaque Whiteout". It never hides files of its own
 * layer. Names lead elsewhere immediately, but hidden files stay on disk until the end of the layer, for hardlinks to them.
 */
export abstract class Whiteouts {
  protected readonly target: Target;
  protected readonly resolver: Resolver;
  protected readonly maker: Maker;
  /**
   * Whiteouts whose directory is reached through a symlink of a lower layer, or is not there yet. They wait, because the
   * layer may still replace the symlink by a directory; in that case they must not affect the symlink's target.
   */
  readonly #waiting: Whiteout[] = [];
  /** directories in which something is hidden */
  readonly #marked = new Set<DirectoryNode>();

  constructor(target: Target, resolver: Resolver, maker: Maker) {
    this.target = target;
    this.resolver = resolver;
    this.maker = maker;
  }

  /** Hides a name of the layers below, or, for null, everything that they have in the directory. */
  hide(dirPath: ByteString, name: ByteString | null): void {
    const { dir, followed, stop } = this.resolver.find(dirPath, { own: false });
    if (dir !== null && !followed) this.#mark(dir, name);
    else if (stop === null || !this.target.tree.isOwnFile(stop.dir, stop.name))
      this.#waiting.push({ dirPath, name });
  }

  /** Must be called once, after the last entry. */
  finish(): void {
    // higher directories first, here and below: a path in a hidden directory needs no whiteout
    const depthOf = ({ dirPath }: Whiteout) => componentsReversed(dirPath).length;
    const opaqueFirst = ({ name }: Whiteout) => (name === null ? 0 : 1);
    this.#waiting.sort((a, b) => depthOf(a) - depthOf(b) || opaqueFirst(a) - opaqueFirst(b));
    for (const { dirPath, name } of this.#waiting) {
      this.target.nextEntry();
      const dir = this.directoryOf(dirPath);
      if (dir !== null) this.#mark(dir, name);
    }
    for (const dir of [...this.#marked].sort((a, b) => a.depth - b.depth)) {
      this.target.nextEntry();
      if (dir.attached) this.finishDirectory(dir);
    }
  }

  /** Makes a new directory show nothing of the layers below. */
  replaceLower(dir: DirectoryNode): void {
    dir.replaces = true;
    this.#hideAll(dir);
  }

  /** Returns the directory of a whiteout at the end of the layer; null: there is nothing to hide. */
  protected abstract directoryOf(dirPath: ByteString): DirectoryNode | null;

  /** Hides on disk what the marks of a directory say. */
  protected abstract finishDirectory(dir: DirectoryNode): void;

  /** Removes what is on disk, but hidden. */
  protected removeHidden(dir: DirectoryNode): void {
    const { tree } = this.target;
    const names = dir.opaque ? this.#namesIn(dir) : dir.hidden!;
    for (const name of names) {
      this.target.nextEntry();
      if (tree.isHidden(dir, name)) this.maker.remove(dir, name);
    }
  }

  #mark(dir: DirectoryNode, name: ByteString | null): void {
    this.resolver.invalidate();
    if (name === null) {
      this.#hideAll(dir);
      return;
    }
    const node = dir.children.get(name);
    if (node === undefined || !this.target.tree.isUpper(node)) {
      dir.hidden ??= new Set();
      dir.hidden.add(name);
      this.#marked.add(dir);
    } else if (node instanceof DirectoryNode) {
      node.replaces = true;
      this.#hideAll(node);
      this.#describe(node);
    }
  }

  /** Hides everything of the layers below in a directory, and in those of this layer below it. */
  #hideAll(dir: DirectoryNode): void {
    const { tree } = this.target;
    // what was made in the directory since shows nothing of the layers below either
    const todo = dir.opaque ? [] : [dir];
    // no recursion, because the image chooses the depth
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      at.opaque = true;
      this.#marked.add(at);
      for (const node of at.children.values()) {
        if (!(node instanceof DirectoryNode) || !tree.isUpper(node)) continue;
        this.#describe(node);
        if (!node.opaque) todo.push(node);
      }
    }
  }

  /** Gives a directory the attributes of an implicit one: it stays only because the layer has files below it. */
  #describe(dir: DirectoryNode): void {
    const { layer } = this.target.tree;
    if (dir.made === layer || dir.listed === layer) return;
    this.target.nextEntry();
    this.maker.makeImplicit(dir);
  }

  #namesIn(dir: DirectoryNode): ByteString[] {
    const fd = openat(this.target.fd(dir), '.', O.RDONLY | O.DIRECTORY);
    try {
      return readDirectory(fd).map(({ name }) => name);
    } finally {
      close(fd);
    }
  }
}

/** Whiteouts in a directory that holds the layers below: hidden files are removed. */
export class PlainWhiteouts extends Whiteouts {
  protected directoryOf(dirPath: ByteString): DirectoryNode | null {
    return this.resolver.find(dirPath, { own: false }).dir;
  }

  protected finishDirectory(dir: DirectoryNode): void {
    this.removeHidden(dir);
    // the tree of the next layer begins without marks
    dir.opaque = false;
    dir.hidden = null;
    dir.replaces = false;
  }
}
