import { readSync } from 'node:fs';
import type { ByteString } from '../system/bytes.js';
import { AT_FDCWD, close, nextData, nextHole, O, openat, writeAll } from '../system/files.js';
import type { Steps } from '../system/steps.js';
import { hole, requireBlocks } from './format.js';
import type { Chunks } from './tree.js';

const pieceBytes = 256 * 1024;
const smallestChunkBits = 12;
/** More chunks than this per file make larger chunks. */
const manyChunks = 65_536;

/** A range of bytes to copy: where it is read, and where it belongs in the new file. */
export interface Stretch {
  from: number;
  at: number;
  length: number;
}

/** Data that is written behind the tar of an image: of files whose content the tar does not have in one piece. */
export class AppendedData {
  readonly #fd: number;
  readonly #block: number;
  #end: number;

  /** @param end first free byte of the image */
  constructor(fd: number, end: number, blockBits: number) {
    this.#fd = fd;
    this.#block = 1 << blockBits;
    this.#end = Math.ceil(end / this.#block) * this.#block;
  }

  /** First byte behind the data: the start of a block. */
  get end(): number {
    return this.#end;
  }

  /** Copies stretches of the image itself, in ascending order, to a new file of the image; the rest of it is holes. */
  *copyWithin(size: number, stretches: Iterable<Stretch>): Steps<Chunks> {
    return yield* this.#copy(this.#fd, size, stretches);
  }

  /**
   * Copies a file.
   *
   * @param path absolute; a symlink is not followed
   * @returns the first block of the data; or its chunks, if the file has holes
   */
  *copyFile(path: ByteString, size: number): Steps<Chunks | number> {
    const fd = openat(AT_FDCWD, path, O.RDONLY | O.NOFOLLOW);
    try {
      const isWhole = nextData(fd, 0) === 0 && nextHole(fd, 0) >= size;
      return isWhole ? yield* this.#copyWhole(fd, size) : yield* this.#copy(fd, size, dataOf(fd, size));
    } finally {
      close(fd);
    }
  }

  *#copyWhole(fd: number, size: number): Steps<number> {
    const start = this.#reserve(size);
    const piece = Buffer.allocUnsafe(Math.min(size, pieceBytes));
    for (let done = 0; done < size; ) {
      const count = readSync(fd, piece, 0, Math.min(piece.length, size - done), done);
      if (count === 0) throw new Error('a file ends early');
      writeAll(this.#fd, piece.subarray(0, count), start * this.#block + done);
      done += count;
      yield;
    }
    return start;
  }

  /** Reserves blocks. @returns the first one */
  #reserve(bytes: number): number {
    const start = this.#end / this.#block;
    this.#end += Math.ceil(bytes / this.#block) * this.#block;
    requireBlocks(this.#end, this.#block);
    return start;
  }

  *#copy(fd: number, size: number, stretches: Iterable<Stretch>): Steps<Chunks> {
    const chunks = newChunks(size);
    for (const { from, at, length } of stretches) {
      for (let done = 0; done < length; ) {
        done += this.#copyPiece(fd, from + done, { chunks, at: at + done, left: length - done, size });
        yield;
      }
    }
    return chunks;
  }

  /** Copies up to the end of a chunk. @returns how many bytes it copied */
  #copyPiece(
    fd: number,
    from: number,
    given: { chunks: Chunks; at: number; left: number; size: number },
  ): number {
    const { chunks, at } = given;
    const chunkBytes = 2 ** chunks.bits;
    const chunk = Math.floor(at / chunkBytes);
    const inChunk = at - chunk * chunkBytes;
    const piece = Buffer.allocUnsafe(Math.min(given.left, chunkBytes - inChunk, pieceBytes));
    const count = readSync(fd, piece, 0, piece.length, from);
    if (count === 0) throw new Error('a file ends early');
    if (chunks.blocks[chunk] === hole)
      chunks.blocks[chunk] = this.#reserve(Math.min(chunkBytes, given.size - chunk * chunkBytes));
    writeAll(this.#fd, piece.subarray(0, count), chunks.blocks[chunk]! * this.#block + inChunk);
    return count;
  }
}

function newChunks(size: number): Chunks {
  let bits = smallestChunkBits;
  while (size / 2 ** bits > manyChunks) bits++;
  return { bits, blocks: new Uint32Array(Math.ceil(size / 2 ** bits)).fill(hole) };
}

function* dataOf(fd: number, size: number): Generator<Stretch> {
  for (let at = nextData(fd, 0); at !== null && at < size; at = nextData(fd, at)) {
    const end = Math.min(nextHole(fd, at), size);
    yield { from: at, at, length: end - at };
    at = end;
  }
}
