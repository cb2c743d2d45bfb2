import { createHash, type Hash } from 'node:crypto';
import { LayerhookError } from '../../errors/index.js';
import { span } from '../../system/trace.js';
import { type LayerBudget, layerBudget, takeUnpacked } from '../../tar/budget.js';
import type { LayerSource } from '../types.js';
import { BlobFile } from './blob-file.js';
import type { SourceSummary } from './messages.js';

/** Bytes of the blob that are read at a time. */
export const blobPieceBytes = 384 * 1024;

/** The blob of a layer and what it decompresses to: counts both, and checks their digests and the budget. */
export class CheckedLayer {
  readonly source: LayerSource;
  readonly #blob: BlobFile;
  readonly #blobHash: Hash;
  readonly #tarHash: Hash;
  readonly #budget: LayerBudget;
  /** bytes of the blob and of the tar so far */
  blobBytes = 0;
  bytes = 0;

  /** @throws LayerhookError DIGEST_INVALID, and what BlobFile throws */
  constructor(source: LayerSource) {
    this.source = source;
    this.#blobHash = hashOf(source.digest);
    this.#tarHash = hashOf(source.diffID);
    this.#budget = source.budget ?? layerBudget();
    this.#blob = new BlobFile(source);
  }

  /** Reads and hashes the next bytes of the blob; empty at its end. @throws LayerhookError BLOB_SIZE */
  read(buffer: Buffer): Buffer {
    const read = span('read', this.source.digest);
    const piece = buffer.subarray(0, this.#blob.read(buffer));
    this.#blobHash.update(piece);
    read();
    this.blobBytes += piece.length;
    return piece;
  }

  /** Counts the next bytes of the tar. @throws LayerhookError LIMIT_EXCEEDED */
  count(bytes: number): void {
    takeUnpacked(this.#budget, bytes, this.source.digest);
    this.bytes += bytes;
  }

  /** Hashes the next bytes of the tar. */
  hash(piece: Buffer): void {
    const hash = span('hash', this.source.digest);
    this.#tarHash.update(piece);
    hash();
  }

  /**
   * Checks both digests after all has been read.
   *
   * @param diffID of the tar; default: of what was hashed here
   * @throws LayerhookError BLOB_DIGEST, DIFF_ID
   */
  verify(diffID = digestOf(this.#tarHash, this.source.diffID)): Omit<SourceSummary, 'decompressor'> {
    const { digest, diffID: expected, path } = this.source;
    const actual = digestOf(this.#blobHash, digest);
    if (actual !== digest) throw new LayerhookError('BLOB_DIGEST', { digest, path, actual });
    if (diffID !== expected) throw new LayerhookError('DIFF_ID', { digest, actual: diffID, expected });
    return { bytes: this.bytes, blobBytes: this.blobBytes, digest, diffID };
  }

  /** Explains why a blob does not decompress: BLOB_DIGEST if its digest is wrong, otherwise the error. */
  explain(error: LayerhookError): LayerhookError {
    const { digest, path } = this.source;
    const buffer = Buffer.allocUnsafeSlow(blobPieceBytes);
    while (this.read(buffer).length > 0);
    const actual = digestOf(this.#blobHash, digest);
    return actual === digest ? error : new LayerhookError('BLOB_DIGEST', { digest, path, actual }, error);
  }

  close(): void {
    this.#blob.close();
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
