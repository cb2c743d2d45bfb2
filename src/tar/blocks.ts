import type { ByteSource } from './types.js';

export const blockBytes = 512;

const nothing = Buffer.alloc(0);

/** Splits a source's chunks, of any size, into tar blocks and pieces of content, if possible without copying. */
export class BlockReader {
  readonly #source: ByteSource;
  readonly #joined = Buffer.alloc(blockBytes);
  #chunk: Buffer = nothing;
  #pos = 0;
  /** offset of the chunk's first byte in the stream */
  #base = 0;

  /** The block of the last {@link readBlock} begins at `block[blockAt]`; valid until the next call of any method. */
  block: Buffer = nothing;
  blockAt = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes of the stream consumed so far. */
  get position(): number {
    return this.#base + this.#pos;
  }

  /** Reads a block. Returns its size: 512 bytes, or fewer at the end of the stream. */
  readBlock(): number {
    if (this.#chunk.length - this.#pos >= blockBytes) {
      this.block = this.#chunk;
      this.blockAt = this.#pos;
      this.#pos += blockBytes;
      return blockBytes;
    }
    this.block = this.#joined;
    this.blockAt = 0;
    return this.#fill(this.#joined);
  }

  /** Returns 1 to `max` of the next bytes as a view that is valid until the next call; null at the end. */
  read(max: number): Buffer | null {
    if (!this.#more()) return null;
    const chunk = this.#chunk;
    const start = this.#pos;
    const end = Math.min(chunk.length, start + max);
    this.#pos = end;
    return start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end);
  }

  /** Returns a copy of the next `length` bytes, or undefined if the stream has fewer. */
  take(length: number): Buffer | undefined {
    const taken = Buffer.allocUnsafe(length);
    return this.#fill(taken) === length ? taken : undefined;
  }

  /** Skips `length` bytes. Returns how many the stream had. */
  skip(length: number): number {
    let left = length;
    const unread = this.#chunk.length - this.#pos;
    if (this.#source.skip && left > unread) return unread + this.#seek(left - unread);
    while (left > 0 && this.#more()) {
      const step = Math.min(left, this.#chunk.length - this.#pos);
      this.#pos += step;
      left -= step;
    }
    return length - left;
  }

  /** Reads the rest of the stream, because its digest covers all bytes. */
  drain(): void {
    this.skip(Number.POSITIVE_INFINITY);
  }

  /** Drops the chunk, and skips bytes of the source. */
  #seek(length: number): number {
    const skipped = this.#source.skip!(length);
    this.#base += this.#chunk.length + skipped;
    this.#pos = 0;
    this.#chunk = nothing;
    return skipped;
  }

  #fill(target: Buffer): number {
    let filled = 0;
    while (filled < target.length && this.#more()) {
      const copied = this.#chunk.copy(target, filled, this.#pos);
      this.#pos += copied;
      filled += copied;
    }
    return filled;
  }

  /** True if there is an unread byte; fetches the next chunk if necessary. */
  #more(): boolean {
    while (this.#pos === this.#chunk.length) {
      const chunk = this.#source.read();
      this.#base += this.#pos;
      this.#pos = 0;
      this.#chunk = chunk ?? nothing;
      if (chunk === null) return false;
    }
    return true;
  }
}
