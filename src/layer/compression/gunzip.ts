import { Transform, type TransformCallback } from 'node:stream';
import { crc32, createInflateRaw, type InflateRaw, inflateRawSync } from 'node:zlib';
import { span } from '../../system/trace.js';
import { feed, pieceBytes } from './feed.js';
import { GzipFrames } from './gzip-frames.js';

const smallMemberBytes = 64 * 1024;

/**
 * Decompresses gzip with any number of members (eStargz and pigz write several), and checks the CRC and length of each.
 * Trailing data that does not begin another member is ignored, as in gzip(1); node's own stream loses the last piece of
 * content in that case.
 *
 * Fails with COMPRESSION_CORRUPT. Inflating runs in libuv's pool, the checksum on this thread.
 */
export class Gunzip extends Transform {
  readonly #frames: GzipFrames;
  #inflate: InflateRaw | undefined;
  #crc = 0;
  #length = 0;
  /** output that is not in the checksum yet */
  readonly #unsummed: Buffer[] = [];

  /** @param digest digest of the layer, for errors */
  constructor(digest: string) {
    super({ writableHighWaterMark: 1 << 20, readableHighWaterMark: 2 * pieceBytes });
    this.#frames = new GzipFrames(digest, () => this.#takeSums());
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#consume(chunk).then(() => done(), done);
  }

  override _flush(done: TransformCallback): void {
    try {
      this.#frames.end();
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inflate?.destroy();
    done(error);
  }

  async #consume(chunk: Buffer): Promise<void> {
    for (let rest = this.#frames.read(chunk); rest.length > 0; rest = this.#frames.read(rest)) {
      rest = this.#inflateSmall(rest) ?? (await this.#inflateSome(rest));
    }
  }

  /**
   * Inflates a whole member in one call if it is one of many small ones: creating a stream for each would cost more than
   * the inflating. Returns undefined if the member is larger, incomplete or corrupt.
   */
  #inflateSmall(chunk: Buffer): Buffer | undefined {
    if (this.#frames.members === 0 || this.#inflate !== undefined) return undefined;
    try {
      const { buffer, engine } = inflateRawSync(chunk, {
        info: true,
        maxOutputLength: smallMemberBytes,
      }) as unknown as { buffer: Buffer; engine: InflateRaw };
      this.#emit(buffer);
      this.#frames.endBody();
      return chunk.subarray(engine.bytesWritten);
    } catch {
      // the stream will report what is wrong
      return undefined;
    }
  }

  /** Feeds the member's stream. Returns the bytes after its end. */
  async #inflateSome(chunk: Buffer): Promise<Buffer> {
    this.#inflate ??= this.#startMember();
    const inflate = this.#inflate;
    const inflating = span('inflate', '', 'pool');
    const rest = await feed(inflate, chunk).catch((error: Error) => {
      throw this.#frames.corrupt(error.message, error);
    });
    inflating();
    if (rest === undefined) return chunk.subarray(chunk.length);
    inflate.destroy();
    this.#inflate = undefined;
    this.#frames.endBody();
    return rest;
  }

  #startMember(): InflateRaw {
    const inflate = createInflateRaw({ chunkSize: pieceBytes });
    inflate.on('data', (piece: Buffer) => this.#emit(piece));
    // feed() listens during a write; an error between two writes is reported by the next one
    inflate.on('error', () => {});
    return inflate;
  }

  #emit(piece: Buffer): void {
    // later, because the pool must have its next piece before this thread starts to work on this one
    if (this.#unsummed.push(piece) === 1) setImmediate(() => this.#sum());
    this.#length += piece.length;
    this.push(piece);
  }

  #sum(): void {
    for (const piece of this.#unsummed) this.#crc = crc32(piece, this.#crc);
    this.#unsummed.length = 0;
  }

  #takeSums() {
    this.#sum();
    const sums = { crc: this.#crc, length: this.#length };
    this.#crc = 0;
    this.#length = 0;
    return sums;
  }
}
