import type { ByteString } from '../../system/bytes.js';
import { E } from '../../system/errno.js';
import { tryLinkat } from '../../system/files.js';
import { baseName, parentOf } from '../../system/paths.js';
import { statAt } from '../../system/stat.js';
import { BadEntry } from './errors.js';
import type { Maker } from './make.js';
import { hardlinkTarget } from './place.js';
import type { Resolver } from './resolve.js';
import type { Target } from './target.js';
import { DirectoryNode, FileNode, type Node } from './tree.js';

interface Link {
  /** the entry's own name, for errors */
  entry: ByteString;
  dir: DirectoryNode;
  name: ByteString;
  node: FileNode;
  /** cleaned path of its target */
  to: ByteString;
}

/**
 * The hardlinks of a layer. A missing target may come later in the tar. An existing target may belong to a lower layer
 * while the layer's own file of that name comes later in the tar. The link then goes to the later file, as it does when
 * the layer is applied without its lower layers.
 */
export class Hardlinks {
  readonly #target: Target;
  readonly #resolver: Resolver;
  readonly #maker: Maker;
  readonly #waiting: Link[] = [];
  readonly #toLower: Link[] = [];
  readonly #lowerNodes = new Set<FileNode>();

  constructor(target: Target, resolver: Resolver, maker: Maker) {
    this.#target = target;
    this.#resolver = resolver;
    this.#maker = maker;
  }

  /**
   * Links `name` to `linkname`, now or at the layer's end.
   *
   * @throws BadEntry if the target is a directory or the link itself; SystemError
   */
  add(dir: DirectoryNode, name: ByteString, entry: ByteString, linkname: ByteString): void {
    const to = hardlinkTarget(linkname);
    const link = { entry, dir, name, to };
    if (this.#isItself(link)) return;
    const found = this.#link(link);
    if (found === undefined) {
      this.#maker.remove(dir, name);
      this.#waiting.push({ ...link, node: this.#target.addFile(dir, name) });
      return;
    }
    const node = this.#target.addFile(dir, name, digestOf(found));
    if (this.#isOwn(found)) return;
    this.#toLower.push({ ...link, node });
    this.#lowerNodes.add(node);
  }

  /** Makes the waiting links. @returns the links whose target is missing */
  finish(): Link[] {
    for (const link of this.#toLower) this.#relink(link);
    let waiting = this.#waiting.filter(isCurrent);
    for (let before = -1; waiting.length !== before; ) {
      before = waiting.length;
      waiting = waiting.filter((link) => !this.#tryAgain(link));
    }
    return waiting;
  }

  #tryAgain(link: Link): boolean {
    this.#target.nextEntry();
    const found = this.#link(link);
    if (found === undefined) return false;
    this.#target.addFile(link.dir, link.name, digestOf(found));
    return true;
  }

  /** Makes a link again that went to a lower layer's file, if the layer has since made its own target. */
  #relink(link: Link): void {
    if (!isCurrent(link)) return;
    this.#target.nextEntry();
    const { dir, node } = this.#find(link.to);
    if (dir === null || node === undefined || !this.#isOwn(node)) return;
    this.#tryAgain(link);
  }

  /** Makes the link. @returns the node of its target, null if the target has no node, undefined if the target is missing */
  #link({ dir, name, to }: Omit<Link, 'node'>): FileNode | null | undefined {
    const { dir: toDir, name: toName, node } = this.#find(to);
    if (toDir === null) return undefined;
    const replaced = dir.children.get(name);
    if (replaced instanceof DirectoryNode && toDir.isBelow(replaced)) {
      throw new BadEntry('is a hardlink to a file in the directory that it replaces');
    }
    let missing = false;
    this.#maker.create(dir, name, (parent) => {
      const done = tryLinkat(this.#target.fd(toDir), toName, parent, name);
      missing = done === -E.ENOENT;
      if (done === -E.EPERM) this.#refuseDirectory(toDir, toName);
      return missing ? 0 : done;
    });
    if (missing) return undefined;
    if (!(node instanceof FileNode)) return null;
    node.made = null;
    return node;
  }

  #refuseDirectory(dir: DirectoryNode, name: ByteString): void {
    const there = statAt(this.#target.fd(dir), name, this.#target.stat);
    if (there && this.#target.stat.isDirectory) throw new BadEntry('is a hardlink to a directory');
  }

  #find(to: ByteString) {
    const name = baseName(to);
    const { dir } = this.#resolver.find(parentOf(to), { own: true });
    return { dir, name, node: dir?.children.get(name) };
  }

  #isItself({ dir, name, to }: Pick<Link, 'dir' | 'name' | 'to'>): boolean {
    const found = this.#find(to);
    if (found.dir !== dir || found.name !== name) return false;
    if (statAt(this.#target.fd(dir), name, this.#target.stat)) return true;
    throw new BadEntry('is a hardlink to itself');
  }

  /** True if the current layer made the file, and it is not a link to a lower layer's file. */
  #isOwn(node: Node | null): boolean {
    return node instanceof FileNode && node.layer === this.#target.tree.layer && !this.#lowerNodes.has(node);
  }
}

/** True if nothing has replaced the link since it was added. */
function isCurrent({ dir, name, node }: Link): boolean {
  return dir.children.get(name) === node && dir.attached;
}

function digestOf(node: FileNode | null): number {
  return node?.digest ?? -1;
}
