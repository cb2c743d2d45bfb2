import type { Transform } from 'node:stream';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { span } from '../../system/trace.js';
import type { BlockingDecoder } from '../compression/algorithm.js';
import { algorithmOf, createDecompressor, detectCompression } from '../compression/index.js';
import type { LayerSource } from '../types.js';
import { blobPieceBytes, CheckedLayer } from './checked-layer.js';
import type { SourceSummary } from './messages.js';
import type { RingWriter } from './ring-writer.js';

/** Pieces queued in the decompressor, so that it never waits for the next one. */
const piecesInFlight = 3;
/** Bytes of output handled at a time. Between two steps this thread can give libuv's pool more work. */
const stepBytes = 128 * 1024;
/** Bytes of output that may wait to be handled. */
const maxWaitingBytes = 2 << 20;

/**
 * Reads, hashes and decompresses a blob into a ring, and hashes the tar. It ends the ring only if both digests are right,
 * so a reader that sees the end has read a verified layer. The blob's first bytes decide the compression, because some
 * images have layers with a wrong media type.
 *
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, DIFF_ID, DIGEST_INVALID, COMPRESSION_CORRUPT,
 *   COMPRESSION_UNAVAILABLE, LIMIT_EXCEEDED; the ring's own error if the ring failed meanwhile; ABORTED if the reader closed it
 */
export async function pumpSource(source: LayerSource, writer: RingWriter): Promise<SourceSummary> {
  const layer = new CheckedLayer(source);
  const pump = new Pump(layer, writer);
  try {
    await pump.run();
    const summary = pump.verify();
    writer.end();
    if (writer.failure) throw writer.failure;
    return summary;
  } catch (error) {
    throw isLayerhookError(error, 'COMPRESSION_CORRUPT') ? layer.explain(error) : error;
  } finally {
    layer.close();
  }
}

class Pump {
  readonly #layer: CheckedLayer;
  readonly #writer: RingWriter;
  #decompressor = '';

  constructor(layer: CheckedLayer, writer: RingWriter) {
    this.#layer = layer;
    this.#writer = writer;
  }

  async run(): Promise<void> {
    const layer = this.#layer;
    const buffer = Buffer.allocUnsafeSlow(blobPieceBytes);
    const first = layer.read(buffer);
    const { digest } = layer.source;
    const compression = detectCompression(first);
    const { blockingReader, readBy } = algorithmOf(compression);
    const decoder = await blockingReader?.(digest);
    this.#decompressor = decoder?.name ?? readBy;
    if (decoder) this.#decodeHere(decoder, first, buffer);
    else if (compression === 'none') {
      for (let piece = first; piece.length > 0; piece = layer.read(buffer)) this.#take(piece);
    } else await this.#decode(await createDecompressor(compression, digest, layer.source), first, buffer);
  }

  verify(): SourceSummary {
    const diffID = this.#writer.hasHasher ? this.#hashedDigest() : undefined;
    return { ...this.#layer.verify(diffID), decompressor: this.#decompressor };
  }

  #hashedDigest(): string {
    const [algorithm = '', hex = ''] = this.#layer.source.diffID.split(':');
    const digest = this.#writer.digest(hex.length / 2);
    if (digest === undefined) throw this.#unwanted();
    return `${algorithm}:${digest.toString('hex')}`;
  }

  /** Puts a piece of the tar into the ring. */
  #take(piece: Buffer): void {
    this.#layer.count(piece.length);
    this.#hash(piece);
    this.#countProgress();
    if (!this.#writer.write(piece)) throw this.#unwanted();
  }

  /** Hashes a piece of the tar, unless another thread does so. */
  #hash(piece: Buffer): void {
    if (!this.#writer.hasHasher) this.#layer.hash(piece);
  }

  #countProgress(): void {
    const { blobBytes, bytes } = this.#layer;
    this.#writer.count(blobBytes, bytes);
  }

  /** The error of a reader that needs no more bytes. */
  #unwanted(): Error {
    const { failure } = this.#writer;
    return failure ?? new LayerhookError('ABORTED', { what: `reading layer ${this.#layer.source.digest}` });
  }

  /** Runs the blob through a decompressor that writes into the ring. */
  #decodeHere(decoder: BlockingDecoder, first: Buffer, buffer: Buffer): void {
    for (let piece = first; piece.length > 0; piece = this.#layer.read(buffer)) {
      decoder.feed(piece);
      while (this.#decodeSome(decoder)) this.#countProgress();
    }
    decoder.end();
  }

  /** @returns false if the decompressor needs more input */
  #decodeSome(decoder: BlockingDecoder): boolean {
    const space = this.#writer.wanted ? this.#writer.space() : undefined;
    if (space === undefined) throw this.#unwanted();
    const inflate = span('inflate', this.#layer.source.digest);
    const produced = decoder.read(space);
    inflate();
    if (produced === 0) return false;
    this.#layer.count(produced);
    this.#hash(space.subarray(0, produced));
    this.#writer.advance(produced);
    return true;
  }

  #decode(decoder: Transform, first: Buffer, firstBuffer: Buffer): Promise<void> {
    const read = (buffer: Buffer) => this.#layer.read(buffer);
    const take = (piece: Buffer) => this.#take(piece);
    return new PoolDecoding(decoder, read, take).run(first, firstBuffer);
  }
}

/** Runs a blob through a decompressor. While libuv's pool makes the next piece, this thread handles the previous one. */
class PoolDecoding {
  readonly #decoder: Transform;
  readonly #read: (buffer: Buffer) => Buffer;
  readonly #take: (piece: Buffer) => void;
  readonly #waiting = new Waiting();
  #ended = false;
  #failed = false;
  #settle!: { resolve: () => void; reject: (error: unknown) => void };

  /**
   * @param read fills a buffer with the next bytes of the blob, and returns them
   * @param take handles decompressed bytes
   */
  constructor(decoder: Transform, read: (buffer: Buffer) => Buffer, take: (piece: Buffer) => void) {
    this.#decoder = decoder;
    this.#read = read;
    this.#take = take;
  }

  /** @param first bytes of the blob that are already read, in `firstBuffer` */
  run(first: Buffer, firstBuffer: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#decoder.on('data', (piece: Buffer) => this.#receive(piece));
      this.#decoder.on('error', (error) => this.#fail(error));
      this.#decoder.on('end', () => {
        this.#ended = true;
        if (this.#waiting.bytes === 0) resolve();
      });
      this.#give(firstBuffer, first);
      for (let i = 1; i < piecesInFlight; i++) this.#feed(Buffer.allocUnsafeSlow(blobPieceBytes));
    });
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#decoder.destroy();
    this.#settle.reject(error);
  }

  #feed(buffer: Buffer): void {
    if (this.#decoder.destroyed || this.#decoder.writableEnded) return;
    try {
      this.#give(buffer, this.#read(buffer));
    } catch (error) {
      this.#fail(error);
    }
  }

  #give(buffer: Buffer, piece: Buffer): void {
    if (piece.length === 0) this.#decoder.end();
    else this.#decoder.write(piece, (error) => error || this.#feed(buffer));
  }

  #receive(piece: Buffer): void {
    // later, because the pool must have its next piece before this thread starts to work on this one
    if (this.#waiting.bytes === 0) setImmediate(this.#takeSome);
    this.#waiting.push(piece);
    this.#takeUntil(maxWaitingBytes);
  }

  /** Handles bytes until only `left` of them wait. */
  #takeUntil(left: number): void {
    try {
      while (this.#waiting.bytes > left) this.#take(this.#waiting.shift(stepBytes));
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #takeSome = (): void => {
    this.#takeUntil(Math.max(this.#waiting.bytes - stepBytes, 0));
    if (this.#failed) return;
    if (this.#waiting.bytes > 0) setImmediate(this.#takeSome);
    else if (this.#ended) this.#settle.resolve();
  };
}

/** A queue of pieces of a stream, taken out in steps. */
class Waiting {
  readonly #pieces: Buffer[] = [];
  bytes = 0;

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.bytes += piece.length;
  }

  /** Removes and returns the next bytes, at most `most`. The queue must not be empty. */
  shift(most: number): Buffer {
    const first = this.#pieces[0]!;
    if (first.length <= most) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(most);
    const step = first.subarray(0, most);
    this.bytes -= step.length;
    return step;
  }
}
