import { Transform, type TransformCallback } from 'node:stream';
import { crc32, createInflateRaw, type InflateRaw, inflateRawSync } from 'node:zlib';
import { LayerhookError } from '../../errors/index.js';
import { feed, PIECE } from './feed.js';
import { beginsMember, gzipHeaderLength } from './gzip-header.js';

const TRAILER = 8;
/** A header holds a file's name at most; more is an attempt to make us collect memory. */
const MAX_HEADER = 128 * 1024;
const SMALL_MEMBER = 64 * 1024;

/**
 * Decompresses gzip: any number of members (as eStargz and pigz make them), each checked against its CRC and length.
 * What follows the last member and begins no other is ignored, as gzip(1) does; node's own stream gives up the
 * last piece of content in that case.
 *
 * Errors with COMPRESSION_CORRUPT. Inflating runs in libuv's pool, the checksum on this thread.
 */
export class Gunzip extends Transform {
  readonly #digest: string;
  #state: 'header' | 'body' | 'trailer' | 'garbage' = 'header';
  #members = 0;
  /** the beginning of a header or trailer that the last chunk ended in */
  #held: Buffer = Buffer.alloc(0);
  #inflate: InflateRaw | undefined;
  #crc = 0;
  #length = 0;
  /** what came out and is not in the checksum yet */
  readonly #unsummed: Buffer[] = [];

  /** @param digest what errors call the layer */
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
   * Inflates a whole member at once if it is a small one among many: a stream for each costs more than the work.
   * Undefined if it is none, or not all here.
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
      // whatever is wrong with it shows again when it goes through the stream
      return undefined;
    }
  }

  /** Feeds the member's stream; returns what lies behind its end. */
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
    // feed() listens during a write; an error between two writes shows at the next
    inflate.on('error', () => {});
    return inflate;
  }

  #emit(piece: Buffer): void {
    // not now: the call for the next piece must be in the pool before this thread sets to work on this one
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
