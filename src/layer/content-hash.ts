import { createHash } from 'node:crypto';
import type { ByteString } from '../system/bytes.js';

const zeros = Buffer.alloc(64 * 1024);

/** Computes the SHA-256 digest of a file from the pieces that a tar stores; the holes between them count as zeros. */
export class ContentHash {
  readonly #hash = createHash('sha256');
  #end = 0;

  /** @param offset where the piece belongs in the file: not before the end of the last piece */
  add(piece: Uint8Array, offset: number): void {
    this.#addZeros(offset - this.#end);
    this.#hash.update(piece);
    this.#end = offset + piece.length;
  }

  /** @param size bytes of the file @returns the digest, one char per byte */
  finish(size: number): ByteString {
    this.#addZeros(size - this.#end);
    return this.#hash.digest('binary');
  }

  #addZeros(count: number): void {
    for (let left = count; left > 0; left -= zeros.length) {
      this.#hash.update(left < zeros.length ? zeros.subarray(0, left) : zeros);
    }
  }
}
