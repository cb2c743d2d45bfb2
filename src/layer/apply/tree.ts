import type { ByteString } from '../../system/bytes.js';
import type { MadeFile } from './made-file.js';

/** What an applier knows of a path: anything but a directory. */
export class FileNode {
  /** number of the layer that made it */
  layer: number;
  /** index of its content's digest in the tree's pool; -1: not known, or it has no content */
  digest: number;
  /** known to have no extended attributes */
  bare = false;
  /** what it was made as; null: to be looked at, such as one with several names */
  made: MadeFile | null = null;

  constructor(layer: number, digest: number) {
    this.layer = layer;
    this.digest = digest;
  }
}

/** What an applier knows of a directory. Numbers of layers: 0 is none of this applier's. */
export class DirectoryNode {
  readonly parent: DirectoryNode | null;
  readonly name: ByteString;
  readonly depth: number;
  readonly children = new Map<ByteString, Node>();
  /** the layer during which it was last seen to be a directory on disk */
  seen = 0;
  /** the last layer that made it, by an entry or because something below it was to be made */
  made = 0;
  /** the last layer that had an entry for it */
  listed = 0;
  /** the last layer that made or listed it or anything below it */
  upper = 0;
  /** the last layer that changed it, or what is in it; `mtime` is what its time is set to at that layer's end */
  touched = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  /** mode to be restored at the layer's end; -1: none */
  restoreMode = -1;
  /** nothing of the layers below shows in it (overlay format) */
  opaque = false;
  /** the directory of the layers below is another one (overlay format): its metadata is not this one's */
  replaces = false;
  /** what is made in it inherits access lists */
  defaultAcl = false;
  /** its group; -1: not known yet */
  gid = -1;
  /** the last layer that has put a file into it which shows what files in it are: `bareFiles` */
  asked = 0;
  /** files that are made in it have no extended attributes of themselves */
  bareFiles = false;
  /** open file descriptor, -1: none; and the entry that last needed it */
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

  /** Path of something in this directory. */
  pathOf(name: ByteString): ByteString {
    return this.parent === null ? name : `${this.path}/${name}`;
  }

  /** Whether it still is where it was. */
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
 * What one applier has put into one directory. It says which paths are of the current layer, and
 * for a manifest it is kept from layer to layer, with the digests of all content.
 */
export class Tree {
  readonly root = new DirectoryNode(null, '');
  /** number of the current layer, from 1 */
  layer = 0;
  readonly digests = new DigestPool();

  /** Notes that the current layer made or listed `dir`, or something in it. */
  markUpper(dir: DirectoryNode): void {
    for (let at: DirectoryNode | null = dir; at !== null && at.upper !== this.layer; at = at.parent)
      at.upper = this.layer;
  }

  /** Whether the current layer made or listed the node, or anything below it. */
  isUpper(node: Node): boolean {
    return (node instanceof DirectoryNode ? node.upper : node.layer) === this.layer;
  }
}

const DIGEST_BYTES = 32;

/** SHA-256 digests, 32 bytes each: hundreds of thousands of them are kept. */
export class DigestPool {
  #bytes = Buffer.alloc(64 * DIGEST_BYTES);
  #count = 0;

  /** @param digest one byte a character: node makes that in half the time of a buffer */
  add(digest: ByteString): number {
    const at = this.#count * DIGEST_BYTES;
    if (at === this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], at * 2);
    this.#bytes.write(digest, at, 'latin1');
    return this.#count++;
  }

  hex(index: number): string {
    return this.#bytes.toString('hex', index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
  }
}
