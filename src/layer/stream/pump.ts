import { createHash, type Hash } from 'node:crypto';
import type { Transform } from 'node:stream';
import { LayerhookError } from '../../errors/index.js';
import { createDecompressor } from '../compression/decompress.js';
import { detectCompression } from '../compression/detect.js';
import type { LayerSource } from '../types.js';
import { BlobFile } from './blob-file.js';
import type { SourceSummary } from './messages.js';
import type { RingWriter } from './ring.js';

/** Bytes of the blob given to the decompressor at once. */
const PIECE = 192 * 1024;
/** Pieces that the decompressor holds, so that it has the next one at hand when it is done with one. */
const IN_FLIGHT = 3;

/**
 * Reads, hashes and decompresses a blob into a ring, hashes what comes out, and ends the ring when both hashes
 * are what they must be: a reader that has seen the end has seen a verified layer.
 *
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, DIFF_ID, DIGEST_INVALID, COMPRESSION_CORRUPT,
 *   COMPRESSION_UNAVAILABLE; ABORTED if the reader went away
 */
export async function pumpSource(source: LayerSource, writer: RingWriter): Promise<SourceSummary> {
  const blobHash = hashOf(source.digest);
  const tarHash = hashOf(source.diffID);
  const blob = new BlobFile(source);
  try {
    const counts = await decompress(source, blob, writer, blobHash, tarHash);
    const digest = digestOf(blobHash, source.digest);
    const diffID = digestOf(tarHash, source.diffID);
    if (digest !== source.digest) {
      throw new LayerhookError('BLOB_DIGEST', { digest: source.digest, path: source.path, actual: digest });
    }
    if (diffID !== source.diffID) {
      throw new LayerhookError('DIFF_ID', { digest, actual: diffID, expected: source.diffID });
    }
    writer.end();
    return { ...counts, digest, diffID };
  } finally {
    blob.close();
  }
}

/** Runs the whole blob through a decompressor: while libuv's pool makes the next piece, this thread takes the last. */
async function decompress(
  source: LayerSource,
  blob: BlobFile,
  writer: RingWriter,
  blobHash: Hash,
  tarHash: Hash,
): Promise<{ bytes: number; blobBytes: number }> {
  const counts = { bytes: 0, blobBytes: 0 };
  const buffers = Array.from({ length: IN_FLIGHT }, () => Buffer.allocUnsafeSlow(PIECE));
  const readPiece = (buffer: Buffer): Buffer => {
    const piece = buffer.subarray(0, blob.read(buffer));
    blobHash.update(piece);
    counts.blobBytes += piece.length;
    return piece;
  };
  const take = (piece: Buffer): void => {
    tarHash.update(piece);
    counts.bytes += piece.length;
    writer.count(counts.blobBytes, counts.bytes);
    if (writer.write(piece)) return;
    throw writer.failure ?? new LayerhookError('ABORTED', { what: `reading layer ${source.digest}` });
  };
  const first = readPiece(buffers.pop()!);
  const compression = detectCompression(first);
  if (compression === 'none') {
    for (let piece = first; piece.length > 0; piece = readPiece(first)) take(piece);
    return counts;
  }
  const decoder = await createDecompressor(compression, source.digest);
  await run(decoder, first, buffers, readPiece, take);
  return counts;
}

function run(
  decoder: Transform,
  first: Buffer,
  buffers: Buffer[],
  readPiece: (buffer: Buffer) => Buffer,
  take: (piece: Buffer) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let pieces: Buffer[] = [];
    let ended = false;
    const fail = (error: unknown) => {
      decoder.destroy();
      reject(error);
    };
    const feed = (buffer: Buffer) => {
      if (decoder.destroyed || decoder.writableEnded) return;
      try {
        const piece = readPiece(buffer);
        if (piece.length === 0) decoder.end();
        else decoder.write(piece, (error) => error || feed(buffer));
      } catch (error) {
        fail(error);
      }
    };
    const flush = () => {
      const taken = pieces;
      pieces = [];
      try {
        for (const piece of taken) take(piece);
        if (ended) resolve();
      } catch (error) {
        fail(error);
      }
    };
    decoder.on('data', (piece: Buffer) => {
      // not now: the call for the next piece must go to the pool before this thread sets to work on this one
      if (pieces.push(piece) === 1) setImmediate(flush);
    });
    decoder.on('error', fail);
    decoder.on('end', () => {
      ended = true;
      if (pieces.length === 0) resolve();
    });
    decoder.write(first, (error) => error || feed(Buffer.allocUnsafeSlow(PIECE)));
    for (const buffer of buffers) feed(buffer);
  });
}

/** @throws LayerhookError DIGEST_INVALID */
function hashOf(digest: string): Hash {
  const [, algorithm] = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.exec(digest) ?? [];
  if (algorithm === undefined) throw new LayerhookError('DIGEST_INVALID', { value: digest });
  return createHash(algorithm.slice(0, 6));
}

function digestOf(hash: Hash, expected: string): string {
  return `${expected.slice(0, 6)}:${hash.digest('hex')}`;
}
