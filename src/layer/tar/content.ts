import { BadTar } from './bad.js';
import { BLOCK, type BlockReader } from './blocks.js';
import type { SparseFile } from './sparse.js';

/** The content of the entry at hand, and where in the file its bytes go. */
export class Content {
  readonly #blocks: BlockReader;
  /** stored bytes not yet read, and the zeros after them up to a whole block */
  #left = 0;
  #padding = 0;
  #map: readonly number[] | undefined;
  /** index of the current stretch in the map, and how far into it the next byte is */
  #stretch = 0;
  #inStretch = 0;

  /** bytes of the file that are holes: the tar has nothing of them */
  holes = 0;

  /** where in the file the bytes go that read() gave last */
  offset = 0;
  #nextOffset = 0;

  constructor(blocks: BlockReader) {
    this.#blocks = blocks;
  }

  /** Begins the content of an entry whose header has just been read. */
  start(stored: number, sparse: SparseFile | undefined): void {
    this.#left = stored - (sparse?.mapBytes ?? 0);
    this.#padding = padding(stored);
    this.holes = sparse === undefined ? 0 : sparse.size - this.#left;
    this.#map = sparse?.map;
    this.#stretch = 0;
    this.#inStretch = 0;
    this.#nextOffset = 0;
  }

  /** The next bytes, as a view; null at the end of the content. */
  read(): Buffer | null {
    if (this.#left === 0) return null;
    const max = this.#map === undefined ? this.#left : this.#seek(this.#map);
    const piece = this.#blocks.read(max);
    if (piece === null) throw new BadTar('the tar ends inside an entry');
    this.offset = this.#nextOffset;
    this.#nextOffset += piece.length;
    this.#inStretch += piece.length;
    this.#left -= piece.length;
    return piece;
  }

  /** Passes over what has not been read. */
  finish(): void {
    if (this.#blocks.skip(this.#left) < this.#left) throw new BadTar('the tar ends inside an entry');
    this.#left = 0;
    // the last entry's padding may be missing, as the trailer may
    this.#blocks.skip(this.#padding);
    this.#padding = 0;
  }

  /** Gives up what has not been read, for whoever reads the rest of the stream as such. */
  abandon(): void {
    this.#left = 0;
    this.#padding = 0;
  }

  /** Moves on to the stretch of data that the next byte is in; returns the bytes it has left. */
  #seek(map: readonly number[]): number {
    while (this.#inStretch === map[this.#stretch + 1]!) {
      this.#stretch += 2;
      this.#inStretch = 0;
    }
    this.#nextOffset = map[this.#stretch]! + this.#inStretch;
    return map[this.#stretch + 1]! - this.#inStretch;
  }
}

/** Zeros behind `size` bytes, up to a whole block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
