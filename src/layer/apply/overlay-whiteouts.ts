import type { ByteString } from '../../system/bytes.js';
import { announceWhiteouts, madeMarkedFile, markOpaque, tryMakeWhiteout } from '../overlay-marks.js';
import type { OverlayXattr } from '../types.js';
import type { Maker } from './make.js';
import { componentsReversed, parentOf } from './paths.js';
import type { Resolver } from './resolve.js';
import type { Target } from './target.js';
import { DirectoryNode, type Node } from './tree.js';
import type { Whiteouts } from './whiteouts.js';

interface Hidden {
  dirPath: ByteString;
  /** null: everything in the directory */
  name: ByteString | null;
  depth: number;
}

/**
 * Whiteouts in the form that overlayfs reads, for a directory that holds only this layer: Linux
 * Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories". They are made after all entries, highest
 * directories first, because only the complete layer shows which of its own files take their places.
 */
export class OverlayWhiteouts implements Whiteouts {
  readonly #target: Target;
  readonly #resolver: Resolver;
  readonly #maker: Maker;
  readonly #xattr: OverlayXattr;
  readonly #hidden: Hidden[] = [];
  readonly #made = new Set<Node>();
  /** paths of the created whiteouts */
  readonly paths: ByteString[] = [];

  constructor(target: Target, resolver: Resolver, maker: Maker, xattr: OverlayXattr) {
    this.#target = target;
    this.#resolver = resolver;
    this.#maker = maker;
    this.#xattr = xattr;
  }

  hide(dirPath: ByteString, name: ByteString): void {
    this.#hidden.push({ dirPath, name, depth: componentsReversed(dirPath).length });
  }

  hideAll(dirPath: ByteString): void {
    this.#hidden.push({ dirPath, name: null, depth: componentsReversed(dirPath).length });
  }

  finish(): void {
    const opaqueFirst = ({ name }: Hidden) => (name === null ? 0 : 1);
    this.#hidden.sort((a, b) => a.depth - b.depth || opaqueFirst(a) - opaqueFirst(b));
    for (const { dirPath, name } of this.#hidden) {
      this.#target.nextEntry();
      const found = this.#resolver.find(dirPath, { own: false });
      // the layer replaces the whole directory by another file
      if (found.replaced) continue;
      if (isBelowOpaque(found.dir ?? this.#lowestExisting(dirPath))) continue;
      const dir = found.dir ?? this.#resolver.make(dirPath);
      if (name === null) this.#makeOpaque(dir);
      else this.#whiteout(dir, name);
    }
  }

  /** Returns the directories that hold only whiteouts or other such directories. @param dirs parents first */
  onlyHiding(dirs: DirectoryNode[]): Set<Node> {
    const hiding = new Set<Node>();
    for (const dir of dirs.toReversed()) {
      const children = [...dir.children.values()];
      if (children.every((node) => this.#made.has(node) || hiding.has(node))) hiding.add(dir);
    }
    return hiding;
  }

  /** Marks a directory as new: it does not merge with directories of the same path in the layers below. */
  replaceLower(dir: DirectoryNode): void {
    dir.replaces = true;
    this.#makeOpaque(dir);
  }

  #lowestExisting(path: ByteString): DirectoryNode {
    for (let parent = parentOf(path); ; parent = parentOf(parent)) {
      const { dir } = this.#resolver.find(parent, { own: false });
      if (dir !== null) return dir;
    }
  }

  #makeOpaque(dir: DirectoryNode): void {
    if (dir.opaque) return;
    markOpaque(this.#target.fd(dir), this.#xattr);
    dir.opaque = true;
  }

  #whiteout(dir: DirectoryNode, name: ByteString): void {
    const node = dir.children.get(name);
    if (node instanceof DirectoryNode) this.replaceLower(node);
    else if (node === undefined) {
      this.#makeWhiteout(dir, name);
      this.#made.add(this.#target.addFile(dir, name));
      this.paths.push(dir.pathOf(name));
    }
  }

  #makeWhiteout(dir: DirectoryNode, name: ByteString): void {
    const done = this.#maker.create(dir, name, (parent) => tryMakeWhiteout(parent, name, this.#xattr));
    if (done !== madeMarkedFile) return;
    const { root } = this.#target.tree;
    announceWhiteouts([this.#target.fd(dir), this.#target.fd(root)], this.#xattr);
  }
}

/** True if the directory or one above it is opaque, so that it shows nothing of the layers below. */
export function isBelowOpaque(dir: DirectoryNode): boolean {
  for (let at: DirectoryNode | null = dir; at !== null; at = at.parent) if (at.opaque) return true;
  return false;
}
