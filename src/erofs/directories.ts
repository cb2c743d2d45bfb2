import { direntBytes, fileTypeOf } from './format.js';
import { inodeOf, type Placement, parent, self } from './place.js';
import type { ImageTree } from './tree.js';

/**
 * The data of directories: blocks that each hold entries, sorted, and behind them their names; Linux
 * Documentation/filesystems/erofs.rst, "Directories".
 */
export class DirectoryData {
  readonly #tree: ImageTree;
  readonly #placement: Placement;
  readonly #block: number;
  readonly #bytes: Buffer;

  constructor(tree: ImageTree, placement: Placement, blockBits: number) {
    this.#tree = tree;
    this.#placement = placement;
    this.#block = 1 << blockBits;
    this.#bytes = Buffer.alloc(this.#block);
  }

  /** Returns the size of a directory's data. @param names a range of the placement's sorted names */
  sizeOf(from: number, to: number): number {
    let size = 0;
    let used = 0;
    for (let at = from; at < to; at++) {
      const needed = direntBytes + this.#lengthOf(this.#placement.sorted[at]!);
      if (used + needed > this.#block) {
        size += this.#block;
        used = 0;
      }
      used += needed;
    }
    return size + used;
  }

  /** Yields the blocks of a directory; the bytes are valid until the next one. */
  *blocksOf(directory: number, from: number, to: number): Generator<Buffer> {
    for (let first = from; first < to; ) {
      const last = this.#endOfBlock(first, to);
      this.#fill(directory, first, last);
      yield this.#bytes;
      first = last;
    }
  }

  #endOfBlock(first: number, to: number): number {
    let used = 0;
    let at = first;
    for (; at < to; at++) {
      used += direntBytes + this.#lengthOf(this.#placement.sorted[at]!);
      if (used > this.#block) break;
    }
    return at;
  }

  #fill(directory: number, first: number, last: number): void {
    const block = this.#bytes.fill(0);
    const { sorted, nids } = this.#placement;
    let nameAt = (last - first) * direntBytes;
    for (let at = first; at < last; at++) {
      const name = sorted[at]!;
      const inode = inodeOf(this.#tree, directory, name);
      const entry = (at - first) * direntBytes;
      block.writeUInt32LE(nids[inode]!, entry);
      block.writeUInt16LE(nameAt, entry + 8);
      block.writeUInt8(fileTypeOf(this.#tree.mode(inode)), entry + 10);
      if (name === self || name === parent) block.write(name === self ? '.' : '..', nameAt);
      else this.#tree.names.copy(name, block, nameAt);
      nameAt += this.#lengthOf(name);
    }
  }

  #lengthOf(name: number): number {
    if (name === self) return 1;
    return name === parent ? 2 : this.#tree.names.byteLength(name);
  }
}
