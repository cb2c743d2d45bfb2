import type { ByteString } from '../../system/bytes.js';
import { announceWhiteouts, madeMarkedFile, markOpaque, tryMakeWhiteout } from '../overlay-marks.js';
import type { OverlayXattr } from '../types.js';
import type { Maker } from './make.js';
import type { Resolver } from './resolve.js';
import type { Target } from './target.js';
import type { DirectoryNode, Node } from './tree.js';
import { Whiteouts } from './whiteouts.js';

/**
 * Whiteouts in the form that overlayfs reads, for a directory that holds only this layer: Linux
 * Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
 */
export class OverlayWhiteouts extends Whiteouts {
  readonly #xattr: OverlayXattr;
  readonly #made = new Set<Node>();
  /** paths of the created whiteouts */
  readonly paths: ByteString[] = [];

  constructor(target: Target, resolver: Resolver, maker: Maker, xattr: OverlayXattr) {
    super(target, resolver, maker);
    this.#xattr = xattr;
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

  protected directoryOf(dirPath: ByteString): DirectoryNode | null {
    const { tree } = this.target;
    const { dir, stop } = this.resolver.find(dirPath, { own: false });
    if (stop === null) return dir;
    // the layer replaces or hides the whole directory, or the layers below are known and have no such directory
    if (tree.isOwnFile(stop.dir, stop.name) || tree.isHidden(stop.dir, stop.name)) return null;
    if (tree.root.lower !== null || isBelowOpaque(stop.dir)) return null;
    return this.resolver.make(dirPath);
  }

  protected finishDirectory(dir: DirectoryNode): void {
    // what stands for files of the layers below is there only if these are known
    if (dir.lower !== null) this.removeHidden(dir);
    if (dir.parent !== null && isBelowOpaque(dir.parent)) return;
    if (dir.opaque) markOpaque(this.target.fd(dir), this.#xattr);
    else for (const name of dir.hidden!) if (!dir.children.has(name)) this.#makeWhiteout(dir, name);
  }

  #makeWhiteout(dir: DirectoryNode, name: ByteString): void {
    this.target.nextEntry();
    const done = this.maker.create(dir, name, (parent) => tryMakeWhiteout(parent, name, this.#xattr));
    this.#made.add(this.target.addFile(dir, name));
    this.paths.push(dir.pathOf(name));
    if (done !== madeMarkedFile) return;
    const { root } = this.target.tree;
    announceWhiteouts([this.target.fd(dir), this.target.fd(root)], this.#xattr);
  }
}

/** True if the directory or one above it is opaque, so that it shows nothing of the layers below. */
export function isBelowOpaque(dir: DirectoryNode): boolean {
  for (let at: DirectoryNode | null = dir; at !== null; at = at.parent) if (at.opaque) return true;
  return false;
}
