import { words } from '../layer/merged/columns.js';
import { none } from '../layer/merged/names.js';
import { filesPerStep, type Steps } from '../system/steps.js';
import { inodeBytes, slotBits } from './format.js';
import type { ImageTree } from './tree.js';

/** The root directory's first byte in the metadata: behind 64 unused bytes, because programs skip files with the number 0. */
const firstInodeAt = inodeBytes;
const slot = 1 << slotBits;
/** In place of names: `.` and `..`. */
export const self = none - 1;
export const parent = none - 2;

/** Where everything is in the metadata of an image. Offsets count from the start of the metadata. */
export interface Placement {
  /** inodes that can be reached from the root, in the order of the image */
  order: Uint32Array;
  /** inode number in the image (nid) by inode; {@link none} for an inode that cannot be reached */
  nids: Uint32Array;
  /** names of the directories of `order`, sorted by bytes, one directory after the other */
  sorted: Uint32Array;
  /** number of names by place in `order`; 0 for other files */
  counts: Uint32Array;
  /** links by inode */
  nlinks: Uint32Array;
  /** inodes whose symlink target is stored in blocks, as it does not fit behind the inode */
  longLinks: Set<number>;
  /** end of the inodes, in bytes */
  inodesEnd: number;
}

/** Decides where inodes and names of an image are. */
export function* placeInodes(tree: ImageTree, blockBits: number): Steps<Placement> {
  const reached = yield* reach(tree);
  const { order } = reached;
  const nids = new Uint32Array(tree.inodeCount).fill(none);
  const longLinks = new Set<number>();
  const block = 1 << blockBits;
  let at = firstInodeAt;
  for (const inode of order) {
    const { length, inline } = lengthsOf(tree, inode);
    at = startOf(at, block, length, inline);
    if (inline > 0 && inline > block - length) longLinks.add(inode);
    nids[inode] = at / slot;
    const tail = longLinks.has(inode) ? 0 : inline;
    at = Math.ceil((at + length + tail + chunkBytes(tree, inode)) / slot) * slot;
  }
  return { ...reached, nids, longLinks, inodesEnd: at };
}

/** Returns the bytes of an inode with its attributes, and those of a symlink's target behind it. */
function lengthsOf(tree: ImageTree, inode: number): { length: number; inline: number } {
  const length = inodeBytes + (tree.xattrs.get(inode)?.bytes.length ?? 0);
  return { length, inline: tree.symlinks.get(inode)?.length ?? 0 };
}

/** Returns where an inode begins: no inode and no target of a symlink may cross the end of a block. */
function startOf(at: number, block: number, length: number, inline: number): number {
  const inBlock = at % block;
  const needed = inline > 0 && inline <= block - length ? length + inline : inodeBytes;
  return inBlock + needed > block ? at - inBlock + block : at;
}

function chunkBytes(tree: ImageTree, inode: number): number {
  return (tree.chunks.get(inode)?.blocks.length ?? 0) * 4;
}

type Reached = Pick<Placement, 'order' | 'sorted' | 'counts' | 'nlinks'>;

/** Visits all files from the root, each level of directories after the one above. */
function* reach(tree: ImageTree): Steps<Reached> {
  const order = words();
  const sorted = words();
  const counts = words();
  const nlinks = new Uint32Array(tree.inodeCount);
  order.push(0);
  for (let next = 0; next < order.length; next++) {
    if (next % filesPerStep === 0) yield;
    const inode = order.get(next);
    const names = tree.isDirectory(inode) ? sortedNames(tree, inode) : [];
    counts.push(names.length);
    for (const name of names) {
      sorted.push(name);
      const child = inodeOf(tree, inode, name);
      if (nlinks[child]!++ === 0 && child !== 0) order.push(child);
    }
  }
  return { order: order.all(), sorted: sorted.all(), counts: counts.all(), nlinks };
}

/** Returns the inode that a name of a directory leads to. */
export function inodeOf(tree: ImageTree, directory: number, name: number): number {
  if (name === self) return directory;
  return name === parent ? tree.parent(directory) : tree.names.inode(name);
}

/** Returns the names of a directory in the order of their bytes, with those for itself and its parent. */
function sortedNames(tree: ImageTree, directory: number): number[] {
  const found = [
    { text: '.', name: self },
    { text: '..', name: parent },
  ];
  for (let name = tree.firstName(directory); name !== none; name = tree.names.next(name))
    if (tree.names.inode(name) !== none) found.push({ text: tree.names.text(name), name });
  return found.sort((a, b) => (a.text < b.text ? -1 : 1)).map(({ name }) => name);
}
