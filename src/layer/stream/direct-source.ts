import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { sharedInflate } from '../../system/isal-shared.js';
import { span } from '../../system/trace.js';
import type { BlockingDecoder } from '../compression/algorithm.js';
import { detectCompression, findCompression } from '../compression/detect.js';
import { IsalGunzip } from '../compression/gunzip-isal.js';
import type { ByteSource, LayerSource } from '../types.js';
import { blobPieceBytes, CheckedLayer } from './checked-layer.js';
import type { SourceSummary } from './messages.js';
import { countersOf, createControl, failRing, ringCounters, throwIfFailed } from './ring.js';

/** Bytes of the tar that are decompressed at a time. */
const tarPieceBytes = 256 * 1024;

/** A layer for {@link DirectSource}, for the thread that opens it. */
export interface DirectLayer {
  source: LayerSource;
  /** a ring without slots: failing it ends the reading, and it carries the progress */
  control: SharedArrayBuffer;
}

/** Prepares a layer for another thread. `stop` ends the wait for an abort, which ends the reading. */
export function openDirectly(source: LayerSource, signal: AbortSignal) {
  const control = createControl();
  const fail = () =>
    failRing(control, new LayerhookError('ABORTED', { what: `reading layer ${source.digest}` }));
  signal.addEventListener('abort', fail, { once: true });
  const from: DirectLayer = { source, control };
  const stop = () => signal.removeEventListener('abort', fail);
  return { from, progress: () => ringCounters(control), stop };
}

/** True if this host can decompress a layer of this media type by blocking calls. */
export function canReadDirectly({ mediaType }: Pick<LayerSource, 'mediaType'>): boolean {
  return findCompression(mediaType) === 'gzip' && sharedInflate() !== null;
}

/**
 * Reads, checks and decompresses a layer in the thread that needs its tar. While layers keep all cores busy, this takes less
 * time than a second thread and a ring between the two; docs/performance.md has figures.
 */
export class DirectSource implements ByteSource {
  readonly #layer: CheckedLayer;
  readonly #decoder: BlockingDecoder;
  readonly #control: SharedArrayBuffer;
  readonly #counters: Float64Array;
  readonly #blobPiece: Buffer;
  readonly #tarPiece = Buffer.allocUnsafeSlow(tarPieceBytes);
  #summary: SourceSummary | undefined;

  /**
   * Opens a layer.
   *
   * @returns null if the layer has another compression than gzip, or this host lacks libisal2
   * @throws LayerhookError DIGEST_INVALID, BLOB_NOT_FOUND, BLOB_SIZE, SYSTEM, NO_SPACE
   */
  static open({ source, control }: DirectLayer): DirectSource | null {
    const inflate = sharedInflate();
    if (inflate === null) return null;
    const layer = new CheckedLayer(source);
    const direct = new DirectSource(layer, new IsalGunzip(source.digest, inflate), control);
    let isGzip = false;
    try {
      isGzip = direct.#begin();
      return isGzip ? direct : null;
    } finally {
      if (!isGzip) direct.close();
    }
  }

  private constructor(layer: CheckedLayer, decoder: BlockingDecoder, control: SharedArrayBuffer) {
    this.#layer = layer;
    this.#decoder = decoder;
    this.#control = control;
    this.#counters = countersOf(control);
    this.#blobPiece = Buffer.allocUnsafeSlow(Math.min(blobPieceBytes, layer.source.size));
  }

  /** Facts about the layer, after its end. */
  get summary(): SourceSummary | undefined {
    return this.#summary;
  }

  /**
   * Returns the next bytes of the tar, valid until the next call; null at the end, when both digests are right.
   *
   * @throws LayerhookError BLOB_SIZE, BLOB_DIGEST, DIFF_ID, COMPRESSION_CORRUPT, LIMIT_EXCEEDED; the control's own error
   */
  read(): Buffer | null {
    throwIfFailed(this.#control);
    if (this.#summary !== undefined) return null;
    try {
      return this.#next();
    } catch (error) {
      throw isLayerhookError(error, 'COMPRESSION_CORRUPT') ? this.#layer.explain(error) : error;
    }
  }

  close(): void {
    this.#layer.close();
  }

  /** Reads the first bytes, which decide the compression. @returns false if it is not gzip */
  #begin(): boolean {
    const first = this.#layer.read(this.#blobPiece);
    this.#decoder.feed(first);
    return detectCompression(first) === 'gzip';
  }

  #next(): Buffer | null {
    for (;;) {
      const produced = this.#inflate();
      if (produced > 0) return this.#take(this.#tarPiece.subarray(0, produced));
      const piece = this.#layer.read(this.#blobPiece);
      if (piece.length === 0) break;
      this.#decoder.feed(piece);
    }
    this.#decoder.end();
    this.#summary = { ...this.#layer.verify(), decompressor: this.#decoder.name };
    return null;
  }

  #inflate(): number {
    const inflate = span('inflate', this.#layer.source.digest);
    const produced = this.#decoder.read(this.#tarPiece);
    inflate();
    return produced;
  }

  #take(piece: Buffer): Buffer {
    this.#layer.count(piece.length);
    this.#layer.hash(piece);
    this.#counters[0] = this.#layer.blobBytes;
    this.#counters[1] = this.#layer.bytes;
    return piece;
  }
}
