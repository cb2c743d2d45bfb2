import type { ByteString } from '../../system/bytes.js';
import { E } from '../../system/errno.js';
import { close, O, S, tryMknodat, tryOpenat } from '../../system/files.js';
import { componentsReversed, parentOf } from '../../system/paths.js';
import type { Maker } from './make.js';
import type { Resolver } from './resolve.js';
import type { Target } from './target.js';
import { DirectoryNode, type Node } from './tree.js';
import type { Whiteouts } from './whiteouts.js';
import type { Xattrs } from './xattrs.js';

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
  readonly #xattrs: Xattrs;
  readonly #hidden: Hidden[] = [];
  readonly #made = new Set<Node>();
  /** paths of the created whiteouts */
  readonly paths: ByteString[] = [];
  /** false once the kernel has refused a 0:0 device */
  #devices = true;

  constructor(target: Target, resolver: Resolver, maker: Maker, xattrs: Xattrs) {
    this.#target = target;
    this.#resolver = resolver;
    this.#maker = maker;
    this.#xattrs = xattrs;
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
    this.#xattrs.mark(this.#target.fd(dir), 'opaque', 'y');
    dir.opaque = true;
  }

  #whiteout(dir: DirectoryNode, name: ByteString): void {
    const node = dir.children.get(name);
    if (node instanceof DirectoryNode) this.replaceLower(node);
    else if (node === undefined) {
      if (this.#devices) this.#makeDevice(dir, name);
      if (!this.#devices) this.#makeMarked(dir, name);
      this.#made.add(this.#target.addFile(dir, name));
      this.paths.push(dir.pathOf(name));
    }
  }

  #makeDevice(dir: DirectoryNode, name: ByteString): void {
    this.#maker.create(dir, name, (parent) => {
      const done = tryMknodat(parent, name, S.IFCHR, 0, 0);
      // kernels before 5.8 allow this to the host's root only
      this.#devices = done !== -E.EPERM;
      return this.#devices ? done : 0;
    });
  }

  /** Makes the other form of a whiteout (Linux 6.7): an empty file with an xattr; its directory and the root get marks too. */
  #makeMarked(dir: DirectoryNode, name: ByteString): void {
    const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
    const fd = this.#maker.create(dir, name, (parent) => tryOpenat(parent, name, flags, 0o600));
    try {
      this.#xattrs.mark(fd, 'whiteout', 'y');
    } finally {
      close(fd);
    }
    for (const marked of [dir, this.#target.tree.root]) {
      if (!marked.opaque) this.#xattrs.mark(this.#target.fd(marked), 'opaque', 'x');
    }
  }
}

/** True if the directory or one above it is opaque, so that it shows nothing of the layers below. */
export function isBelowOpaque(dir: DirectoryNode): boolean {
  for (let at: DirectoryNode | null = dir; at !== null; at = at.parent) if (at.opaque) return true;
  return false;
}
