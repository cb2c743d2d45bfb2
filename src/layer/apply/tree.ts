import type { ByteString } from '../../system/bytes.js';
import type { LowerStack } from '../lower/lower-stack.js';

/** What an applier knows about a file of any type but directory. */
export class FileNode {
  /** number of the layer that made it */
  layer: number;
  /** index of its content's digest in the tree's pool; -1: unknown, or it has no content */
  digest: number;
  /** true if it certainly has no xattrs */
  bare = false;

  constructor(layer: number, digest: number) {
    this.layer = layer;
    this.digest = digest;
  }
}

/** What an applier knows about a directory. Layers are numbered from 1; 0 means that no layer of this applier did it. */
export class DirectoryNode {
  readonly parent: DirectoryNode | null;
  readonly name: ByteString;
  readonly depth: number;
  readonly children = new Map<ByteString, Node>();
  /** the last layer during which it was known to be a directory on disk */
  seen = 0;
  /** the last layer that created it, by an entry or as an implicit parent */
  made = 0;
  /** the last layer that had an entry for it */
  listed = 0;
  /** the last layer that created or listed it or anything below it */
  upper = 0;
  /** the last layer that changed it or its content; it gets the time `mtime` at that layer's end */
  touched = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  /** mode to restore at the layer's end; -1: no change */
  restoreMode = -1;
  /** it shows nothing of the layers below */
  opaque = false;
  /** names in it that whiteouts of the current layer hide; see {@link Tree.isHidden} */
  hidden: Set<ByteString> | null = null;
  /** it replaces the directory of the layers below instead of merging with it: no metadata is shared */
  replaces = false;
  /** the layers below at this path, where the target does not hold them (whiteouts are written); null: none, or unknown */
  lower: LowerStack | null = null;
  /** new files in it inherit access lists */
  defaultAcl = false;
  /** its group; -1: unknown */
  gid = -1;
  /** the last layer that determined `bareFiles` */
  asked = 0;
  /** new files in it have no xattrs */
  bareFiles = false;
  /** open file descriptor, or -1; `used` is the last entry that needed it */
  fd = -1;
  used = 0;

  constructor(parent: DirectoryNode | null, name: ByteString) {
    this.parent = parent;
    this.name = name;
    this.depth = parent === null ? 0 : parent.depth + 1;
  }

  /** Path in the root, '' for the root itself. */
  get path(): ByteString {
    let path = this.name;
    for (let dir = this.parent; dir?.parent; dir = dir.parent) path = `${dir.name}/${path}`;
    return path;
  }

  /** Returns the path of a name in this directory. */
  pathOf(name: ByteString): ByteString {
    return this.parent === null ? name : `${this.path}/${name}`;
  }

  /** True if it is still reachable from the root at its path. */
  get attached(): boolean {
    for (let dir: DirectoryNode = this; dir.parent !== null; dir = dir.parent) {
      if (dir.parent.children.get(dir.name) !== dir) return false;
    }
    return true;
  }

  isBelow(other: DirectoryNode): boolean {
    for (let dir: DirectoryNode | null = this; dir !== null; dir = dir.parent) if (dir === other) return true;
    return false;
  }
}

export type Node = FileNode | DirectoryNode;

/**
 * Everything that an applier has put into a directory. It shows which paths belong to the current layer. For an mtree
 * manifest it is kept from layer to layer, with the digests of all content.
 */
export class Tree {
  readonly root = new DirectoryNode(null, '');
  /** number of the current layer, from 1 */
  layer = 0;
  readonly digests = new DigestPool();

  /** Records that the current layer created or listed `dir` or something in it. */
  markUpper(dir: DirectoryNode): void {
    for (let at: DirectoryNode | null = dir; at !== null && at.upper !== this.layer; at = at.parent)
      at.upper = this.layer;
  }

  /**
   * True if the layers below have `name` only for hardlinks: a whiteout or an opaque marker of the current layer hides it.
   * What they hide stays on disk until the end of the layer; design rule: whiteouts hide lower layers only.
   */
  isHidden(dir: DirectoryNode, name: ByteString): boolean {
    if (!dir.opaque && dir.hidden?.has(name) !== true) return false;
    const node = dir.children.get(name);
    return node === undefined || !this.isUpper(node);
  }

  /** True if the current layer made the file `name`, of any type but directory. */
  isOwnFile(dir: DirectoryNode, name: ByteString): boolean {
    const node = dir.children.get(name);
    return node instanceof FileNode && node.layer === this.layer;
  }

  /** True if the current layer created or listed the node or anything below it. */
  isUpper(node: Node): boolean {
    return (node instanceof DirectoryNode ? node.upper : node.layer) === this.layer;
  }
}

const digestBytes = 32;

/** SHA-256 digests at 32 bytes each, since hundreds of thousands may be kept. */
export class DigestPool {
  #bytes = Buffer.alloc(64 * digestBytes);
  #count = 0;

  /** @param digest one char per byte: node creates such a string in half the time of a buffer */
  add(digest: ByteString): number {
    const at = this.#count * digestBytes;
    if (at === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], at * 2);
    this.#bytes.write(digest, at, 'latin1');
    return this.#count++;
  }

  hex(index: number): string {
    return this.#bytes.toString('hex', index * digestBytes, (index + 1) * digestBytes);
  }
}
