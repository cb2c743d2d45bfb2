import { endianness } from 'node:os';
import { writeAll } from '../system/files.js';
import { filesPerStep, type Steps } from '../system/steps.js';
import { DirectoryData } from './directories.js';
import { encodeSuperblock, inodeField, layout, requireBlocks, slotBits, superblockAt } from './format.js';
import { type Placement, placeInodes } from './place.js';
import type { ImageTree } from './tree.js';

export interface MetadataOptions {
  blockBits: number;
  /** first byte of the metadata in the image: the start of a block */
  at: number;
  /** 16 bytes that identify the image */
  uuid: Uint8Array;
}

/**
 * Writes the metadata of a tree, and then the superblock, which makes the file an image.
 *
 * @param fd of the image, which has the tar and other data
 * @throws LayerhookError LIMIT_EXCEEDED for an image of 2 TiB and more, NO_SPACE, SYSTEM; SystemError
 */
export function* writeMetadata(fd: number, tree: ImageTree, options: MetadataOptions): Steps<void> {
  const placement = yield* placeInodes(tree, options.blockBits);
  yield* new MetadataWriter(fd, tree, placement, options).run();
}

class MetadataWriter {
  readonly #fd: number;
  readonly #tree: ImageTree;
  readonly #placement: Placement;
  readonly #options: MetadataOptions;
  readonly #block: number;
  readonly #directories: DirectoryData;
  readonly #out: Output;

  constructor(fd: number, tree: ImageTree, placement: Placement, options: MetadataOptions) {
    this.#fd = fd;
    this.#tree = tree;
    this.#placement = placement;
    this.#options = options;
    this.#block = 1 << options.blockBits;
    this.#directories = new DirectoryData(tree, placement, options.blockBits);
    this.#out = new Output(fd, options.at);
  }

  *run(): Steps<void> {
    const { at, blockBits, uuid } = this.#options;
    const { order, nids, inodesEnd } = this.#placement;
    const dataAt = at + Math.ceil(inodesEnd / this.#block) * this.#block;
    const end = yield* this.#writeInodes(dataAt);
    requireBlocks(end, this.#block);
    this.#out.skipTo(dataAt);
    yield* this.#writeData();
    this.#out.flush();
    const superblock = encodeSuperblock({
      blockBits,
      ...{ uuid, inodes: order.length, rootNid: nids[0]! },
      blocks: end / this.#block,
      metaBlock: at / this.#block,
      hasChunks: this.#tree.chunks.size > 0,
    });
    writeAll(this.#fd, superblock, superblockAt);
  }

  /** Writes the inodes. @returns the end of the data behind them, which begins at `dataAt` */
  *#writeInodes(dataAt: number): Steps<number> {
    const { order, counts, nids } = this.#placement;
    let end = dataAt;
    let name = 0;
    for (let i = 0; i < order.length; i++) {
      if (i % filesPerStep === 0) yield;
      const inode = order[i]!;
      const size = this.#sizeOfData(inode, name, name + counts[i]!);
      if (size > 0) this.#tree.setData(inode, size, end / this.#block);
      end += Math.ceil(size / this.#block) * this.#block;
      name += counts[i]!;
      this.#out.skipTo(this.#options.at + nids[inode]! * 2 ** slotBits);
      this.#writeInode(inode, i);
    }
    return end;
  }

  /** Returns the size of the data that is stored in blocks behind the inodes: of directories and long symlinks. */
  #sizeOfData(inode: number, from: number, to: number): number {
    if (from < to) return this.#directories.sizeOf(from, to);
    return this.#placement.longLinks.has(inode) ? this.#tree.symlinks.get(inode)!.length : 0;
  }

  #writeInode(inode: number, number: number): void {
    const { symlinks, xattrs, chunks } = this.#tree;
    const target = this.#placement.longLinks.has(inode) ? undefined : symlinks.get(inode);
    const bytes = this.#tree.bytesOf(inode);
    const attributes = xattrs.get(inode);
    const own = chunks.get(inode);
    if (target !== undefined) this.#tree.setData(inode, target.length, 0, layout.inline);
    if (own !== undefined) bytes.writeUInt32LE(own.bits - this.#options.blockBits, inodeField.address);
    bytes.writeUInt16LE(attributes?.count ?? 0, inodeField.xattrCount);
    bytes.writeUInt32LE(number + 1, inodeField.ino);
    bytes.writeUInt32LE(this.#placement.nlinks[inode]!, inodeField.nlink);
    this.#out.write(bytes);
    if (attributes) this.#out.write(attributes.bytes);
    if (target !== undefined) this.#out.write(Buffer.from(target, 'latin1'));
    if (own) this.#out.write(littleEndian(own.blocks));
  }

  *#writeData(): Steps<void> {
    const { order, counts, longLinks } = this.#placement;
    let name = 0;
    for (let i = 0; i < order.length; i++) {
      if (i % filesPerStep === 0) yield;
      const inode = order[i]!;
      const end = name + counts[i]!;
      if (name < end)
        for (const block of this.#directories.blocksOf(inode, name, end)) this.#out.write(block);
      name = end;
      if (!longLinks.has(inode)) continue;
      const target = Buffer.from(this.#tree.symlinks.get(inode)!, 'latin1');
      this.#out.write(target);
      this.#out.skipTo(Math.ceil(this.#out.at / this.#block) * this.#block);
    }
  }
}

const bufferBytes = 128 * 1024;

/** Writes a file from a position on, in large pieces. */
class Output {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #start: number;
  #used = 0;

  constructor(fd: number, at: number) {
    this.#fd = fd;
    this.#start = at;
  }

  /** Where the next byte goes. */
  get at(): number {
    return this.#start + this.#used;
  }

  write(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; ) {
      if (this.#used === bufferBytes) this.flush();
      const copied = bytes.copy(this.#buffer, this.#used, done);
      this.#used += copied;
      done += copied;
    }
  }

  /** Writes zeros up to a position. */
  skipTo(at: number): void {
    if (at > this.at) this.write(Buffer.alloc(at - this.at));
  }

  flush(): void {
    writeAll(this.#fd, this.#buffer.subarray(0, this.#used), this.#start);
    this.#start += this.#used;
    this.#used = 0;
  }
}

function littleEndian(numbers: Uint32Array): Buffer {
  const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32();
}
