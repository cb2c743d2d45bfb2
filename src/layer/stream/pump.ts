import { createHash, type Hash } from 'node:crypto';
import type { Transform } from 'node:stream';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { createDecompressor } from '../compression/decompress.js';
import { detectCompression } from '../compression/detect.js';
import type { LayerSource } from '../types.js';
import { BlobFile } from './blob-file.js';
import type { SourceSummary } from './messages.js';
import type { RingWriter } from './ring.js';

/** Bytes of the blob given to the decompressor at once. */
const PIECE = 384 * 1024;
/** Pieces that the decompressor holds, so that it has the next one at hand when it is done with one. */
const IN_FLIGHT = 3;
/** Bytes that came out which this thread takes at a time: between two it sees that libuv's pool is done, and gives it more. */
const STEP = 128 * 1024;
/** Bytes that came out and may wait for that. */
const WAITING = 2 << 20;

/**
 * Reads, hashes and decompresses a blob into a ring, hashes what comes out, and ends the ring when both hashes
 * are what they must be: a reader that has seen the end has seen a verified layer. The compression is what the
 * blob's first bytes show: images are about whose media type says otherwise.
 *
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, DIFF_ID, DIGEST_INVALID, COMPRESSION_CORRUPT,
 *   COMPRESSION_UNAVAILABLE; the ring's own error if it failed meanwhile, ABORTED if the reader closed it
 */
export async function pumpSource(source: LayerSource, writer: RingWriter): Promise<SourceSummary> {
  const pump = new Pump(source, writer);
  try {
    await pump.run();
    const summary = pump.verify();
    writer.end();
    if (writer.failure) throw writer.failure;
    return summary;
  } catch (error) {
    throw isLayerhookError(error, 'COMPRESSION_CORRUPT') ? pump.explain(error) : error;
  } finally {
    pump.close();
  }
}

class Pump {
  readonly #source: LayerSource;
  readonly #writer: RingWriter;
  readonly #blobHash: Hash;
  readonly #tarHash: Hash;
  readonly #blob: BlobFile;
  #blobBytes = 0;
  #bytes = 0;

  constructor(source: LayerSource, writer: RingWriter) {
    this.#source = source;
    this.#writer = writer;
    this.#blobHash = hashOf(source.digest);
    this.#tarHash = hashOf(source.diffID);
    this.#blob = new BlobFile(source);
  }

  async run(): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(PIECE);
    const first = this.#read(buffer);
    const compression = detectCompression(first);
    if (compression === 'none') {
      for (let piece = first; piece.length > 0; piece = this.#read(buffer)) this.#take(piece);
    } else {
      await this.#decode(await createDecompressor(compression, this.#source.digest), first, buffer);
    }
  }

  verify(): SourceSummary {
    const { digest, diffID, path } = this.#source;
    const actual = digestOf(this.#blobHash, digest);
    if (actual !== digest) throw new LayerhookError('BLOB_DIGEST', { digest, path, actual });
    const unpacked = digestOf(this.#tarHash, diffID);
    if (unpacked !== diffID)
      throw new LayerhookError('DIFF_ID', { digest, actual: unpacked, expected: diffID });
    return { bytes: this.#bytes, blobBytes: this.#blobBytes, digest, diffID };
  }

  /** A blob that does not decompress: is it the one that was asked for at all? */
  explain(error: LayerhookError): LayerhookError {
    const { digest, path } = this.#source;
    const buffer = Buffer.allocUnsafeSlow(PIECE);
    while (this.#read(buffer).length > 0);
    const actual = digestOf(this.#blobHash, digest);
    return actual === digest ? error : new LayerhookError('BLOB_DIGEST', { digest, path, actual }, error);
  }

  close(): void {
    this.#blob.close();
  }

  /** The next piece of the blob, hashed; empty at its end. */
  #read(buffer: Buffer): Buffer {
    const piece = buffer.subarray(0, this.#blob.read(buffer));
    this.#blobHash.update(piece);
    this.#blobBytes += piece.length;
    return piece;
  }

  /** Hashes a piece of the tar and puts it into the ring. */
  #take(piece: Buffer): void {
    this.#tarHash.update(piece);
    this.#bytes += piece.length;
    this.#writer.count(this.#blobBytes, this.#bytes);
    if (this.#writer.write(piece)) return;
    throw (
      this.#writer.failure ?? new LayerhookError('ABORTED', { what: `reading layer ${this.#source.digest}` })
    );
  }

  /** Runs the blob through a decompressor: while libuv's pool makes the next piece, this thread takes the last. */
  #decode(decoder: Transform, first: Buffer, firstBuffer: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = new Waiting();
      let ended = false;
      let failed = false;
      const fail = (error: unknown) => {
        failed = true;
        decoder.destroy();
        reject(error);
      };
      const feed = (buffer: Buffer) => {
        if (decoder.destroyed || decoder.writableEnded) return;
        try {
          give(buffer, this.#read(buffer));
        } catch (error) {
          fail(error);
        }
      };
      const give = (buffer: Buffer, piece: Buffer) => {
        if (piece.length === 0) decoder.end();
        else decoder.write(piece, (error) => error || feed(buffer));
      };
      const takeUntil = (left: number) => {
        try {
          while (waiting.bytes > left) this.#take(waiting.shift(STEP));
        } catch (error) {
          fail(error);
        }
      };
      const takeSome = () => {
        takeUntil(Math.max(waiting.bytes - STEP, 0));
        if (failed) return;
        if (waiting.bytes > 0) setImmediate(takeSome);
        else if (ended) resolve();
      };
      decoder.on('data', (piece: Buffer) => {
        // not now: the call for the next piece must be in the pool before this thread sets to work on this one
        if (waiting.bytes === 0) setImmediate(takeSome);
        waiting.push(piece);
        takeUntil(WAITING);
      });
      decoder.on('error', fail);
      decoder.on('end', () => {
        ended = true;
        if (waiting.bytes === 0) resolve();
      });
      give(firstBuffer, first);
      for (let i = 1; i < IN_FLIGHT; i++) feed(Buffer.allocUnsafeSlow(PIECE));
    });
  }
}

/** Pieces of a stream, given back in steps. */
class Waiting {
  readonly #pieces: Buffer[] = [];
  bytes = 0;

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.bytes += piece.length;
  }

  /** The next bytes, `most` at most; there are some. */
  shift(most: number): Buffer {
    const first = this.#pieces[0]!;
    if (first.length <= most) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(most);
    const step = first.subarray(0, most);
    this.bytes -= step.length;
    return step;
  }
}

/** @throws LayerhookError DIGEST_INVALID */
function hashOf(digest: string): Hash {
  if (!/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(digest)) {
    throw new LayerhookError('DIGEST_INVALID', { value: digest });
  }
  return createHash(digest.slice(0, 6));
}

function digestOf(hash: Hash, expected: string): string {
  return `${expected.slice(0, 6)}:${hash.digest('hex')}`;
}
