import { BadTar } from './bad.js';
import { type BlockReader, blockBytes } from './blocks.js';
import type { SparseFile } from './sparse.js';

/** The content of the current entry, and the offsets of its bytes in the file. */
export class Content {
  readonly #blocks: BlockReader;
  /** unread stored bytes */
  left = 0;
  /** zeros that complete the last block */
  #padding = 0;
  map: readonly number[] | undefined;
  /** index in the map of the current stretch, and in `#inStretch` the position of the next byte in it */
  #stretch = 0;
  #inStretch = 0;

  /** bytes of holes in the file, which the tar does not store */
  holes = 0;

  /** offset in the file of the bytes from the last read() */
  offset = 0;
  #nextOffset = 0;

  constructor(blocks: BlockReader) {
    this.#blocks = blocks;
  }

  /** Begins the content of an entry, directly after its header. */
  start(stored: number, sparse: SparseFile | undefined): void {
    this.left = stored - (sparse?.mapBytes ?? 0);
    this.#padding = padding(stored);
    this.holes = sparse === undefined ? 0 : sparse.size - this.left;
    this.map = sparse?.map;
    this.#stretch = 0;
    this.#inStretch = 0;
    this.#nextOffset = 0;
  }

  /** Returns the next bytes as a view; null at the end of the content. */
  read(): Buffer | null {
    if (this.left === 0) return null;
    const max = this.map === undefined ? this.left : this.#seek(this.map);
    const piece = this.#blocks.read(max);
    if (piece === null) throw new BadTar('the tar ends inside an entry');
    this.offset = this.#nextOffset;
    this.#nextOffset += piece.length;
    this.#inStretch += piece.length;
    this.left -= piece.length;
    return piece;
  }

  /** Skips the unread content. */
  finish(): void {
    if (this.#blocks.skip(this.left) < this.left) throw new BadTar('the tar ends inside an entry');
    this.left = 0;
    // the padding of the last entry may be missing, like the trailer
    this.#blocks.skip(this.#padding);
    this.#padding = 0;
  }

  /** Forgets the unread content, so that the caller can read the rest of the stream directly. */
  abandon(): void {
    this.left = 0;
    this.#padding = 0;
  }

  /** Moves to the stretch of data with the next byte. Returns the number of bytes left in it. */
  #seek(map: readonly number[]): number {
    while (this.#inStretch === map[this.#stretch + 1]!) {
      this.#stretch += 2;
      this.#inStretch = 0;
    }
    this.#nextOffset = map[this.#stretch]! + this.#inStretch;
    return map[this.#stretch + 1]! - this.#inStretch;
  }
}

/** Returns the number of zeros that complete the last block of `size` bytes. */
export function padding(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}
