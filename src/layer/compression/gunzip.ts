import { Transform, type TransformCallback } from 'node:stream';
import { crc32, createInflateRaw, type InflateRaw, inflateRawSync } from 'node:zlib';
import { LayerhookError } from '../../errors/index.js';
import { feed, PIECE } from './feed.js';
import { beginsMember, gzipHeaderLength } from './gzip-header.js';

const TRAILER = 8;
/** Limit in bytes of a header, which normally holds a file name at most. A hostile one would fill our memory. */
const MAX_HEADER = 128 * 1024;
const SMALL_MEMBER = 64 * 1024;

/**
 * Decompresses gzip with any number of members (eStargz and pigz write several), and checks the CRC and length of each.
 * Trailing data that does not begin another member is ignored, as in gzip(1); node's own stream loses the last piece of
 * content in that case.
 *
 * Fails with COMPRESSION_CORRUPT. Inflating runs in libuv's pool, the checksum on this thread.
 */
export class Gunzip extends Transform {
  readonly #digest: string;
  #state: 'header' | 'body' | 'trailer' | 'garbage' = 'header';
  #members = 0;
  /** incomplete header or trailer from the end of the last chunk */
  #held: Buffer = Buffer.alloc(0);
  #inflate: InflateRaw | undefined;
  #crc = 0;
  #length = 0;
  /** output that is not in the checksum yet */
  readonly #unsummed: Buffer[] = [];

  /** @param digest digest of the layer, for errors */
  constructor(digest: string) {
    super({ writableHighWaterMark: 1 << 20, readableHighWaterMark: 2 * PIECE });
    this.#digest = digest;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#consume(chunk).then(() => done(), done);
  }

  override _flush(done: TransformCallback): void {
    const complete = this.#state === 'garbage' || (this.#state === 'header' && this.#mayEndInHeader());
    done(complete ? null : this.#corrupt('it ends too early'));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inflate?.destroy();
    done(error);
  }

  #mayEndInHeader(): boolean {
    return this.#members > 0 && (this.#held.length < 3 || !beginsMember(this.#held));
  }

  async #consume(chunk: Buffer): Promise<void> {
    let rest = chunk;
    while (rest.length > 0 && this.#state !== 'garbage') {
      if (this.#state === 'header') rest = this.#readHeader(rest);
      else if (this.#state === 'trailer') rest = this.#readTrailer(rest);
      else rest = this.#inflateSmall(rest) ?? (await this.#inflateSome(rest));
    }
  }

  #readHeader(chunk: Buffer): Buffer {
    const data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    const length = gzipHeaderLength(data);
    if (length === 'bad' && this.#members > 0) this.#state = 'garbage';
    else if (length === 'bad') throw this.#corrupt('it has no gzip header');
    else if (length === 'short' && data.length > MAX_HEADER) throw this.#corrupt('its header has no end');
    if (typeof length === 'string') {
      this.#held = length === 'short' ? Buffer.from(data) : Buffer.alloc(0);
      return data.subarray(data.length);
    }
    this.#held = Buffer.alloc(0);
    this.#state = 'body';
    return data.subarray(length);
  }

  /** Checks a member's CRC and length; RFC 1952, section 2.3.1. */
  #readTrailer(chunk: Buffer): Buffer {
    const data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    if (data.length < TRAILER) {
      this.#held = Buffer.from(data);
      return data.subarray(data.length);
    }
    this.#sum();
    if (data.readUInt32LE(0) !== this.#crc) throw this.#corrupt('its checksum is wrong');
    if (data.readUInt32LE(4) !== this.#length % 2 ** 32) throw this.#corrupt('its length is wrong');
    this.#held = Buffer.alloc(0);
    this.#crc = 0;
    this.#length = 0;
    this.#members++;
    this.#state = 'header';
    return data.subarray(TRAILER);
  }

  /**
   * Inflates a whole member in one call if it is one of many small ones: creating a stream for each would cost more than
   * the inflating. Returns undefined if the member is larger, incomplete or corrupt.
   */
  #inflateSmall(chunk: Buffer): Buffer | undefined {
    if (this.#members === 0 || this.#inflate !== undefined) return undefined;
    try {
      const { buffer, engine } = inflateRawSync(chunk, {
        info: true,
        maxOutputLength: SMALL_MEMBER,
      }) as unknown as { buffer: Buffer; engine: InflateRaw };
      this.#emit(buffer);
      this.#state = 'trailer';
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
    const rest = await feed(inflate, chunk).catch((error: Error) => {
      throw this.#corrupt(error.message, error);
    });
    if (rest === undefined) return chunk.subarray(chunk.length);
    inflate.destroy();
    this.#inflate = undefined;
    this.#state = 'trailer';
    return rest;
  }

  #startMember(): InflateRaw {
    const inflate = createInflateRaw({ chunkSize: PIECE });
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

  #corrupt(reason: string, cause?: Error): LayerhookError {
    return new LayerhookError('COMPRESSION_CORRUPT', { digest: this.#digest, format: 'gzip', reason }, cause);
  }
}
