import { Transform, type TransformCallback } from 'node:stream';
import { feed, pieceBytes, type ZlibStream } from './feed.js';
import { type ZstdLayer, zstdError } from './zstd-error.js';

/** zstd in node:zlib, available since node 22.15; we compile with the types of node 20, which lack it. */
export interface NodeZstd {
  createZstdDecompress(options: {
    chunkSize: number;
    params: Record<number, number>;
  }): Transform & { readonly bytesWritten: number };
  createZstdCompress(options: { params: Record<number, number> }): Transform;
  zstdDecompressSync(
    data: Uint8Array,
    options: { info: true; maxOutputLength: number },
  ): { buffer: Buffer; engine: { bytesWritten: number } };
}

const smallFrameBytes = 64 * 1024;
/** ZSTD_d_windowLogMax in zstd.h. */
const windowLogParameter = 100;

/** Decompresses zstd with node:zlib. Uses one stream per frame, because node's stream silently stops after one frame. */
export class NodeUnzstd extends Transform {
  readonly #zstd: NodeZstd;
  readonly #layer: ZstdLayer;
  #frame: ZlibStream | undefined;
  #frames = 0;

  constructor(zstd: NodeZstd, layer: ZstdLayer) {
    super({ writableHighWaterMark: 1 << 20, readableHighWaterMark: 2 * pieceBytes });
    this.#zstd = zstd;
    this.#layer = layer;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#consume(chunk).then(
      () => done(),
      (error) => done(zstdError(error, this.#layer)),
    );
  }

  override _flush(done: TransformCallback): void {
    if (this.#frame === undefined) {
      done(this.#frames > 0 ? null : zstdError(new Error('it is empty'), this.#layer));
      return;
    }
    this.#frame.once('error', (error) => done(zstdError(error, this.#layer)));
    this.#frame.once('end', () => done());
    this.#frame.end();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#frame?.destroy();
    done(error);
  }

  async #consume(chunk: Buffer): Promise<void> {
    for (let rest: Buffer | undefined = chunk; rest !== undefined && rest.length > 0; ) {
      rest = this.#decompressSmall(rest) ?? (await this.#decompressSome(rest));
    }
  }

  /**
   * Decompresses a whole frame in one call if it is one of many small ones. Returns undefined if the frame is larger,
   * incomplete or corrupt.
   */
  #decompressSmall(chunk: Buffer): Buffer | undefined {
    if (this.#frames === 0 || this.#frame !== undefined) return undefined;
    try {
      const { buffer, engine } = this.#zstd.zstdDecompressSync(chunk, {
        info: true,
        maxOutputLength: smallFrameBytes,
      });
      if (buffer.length === 0) return undefined;
      this.push(buffer);
      return chunk.subarray(engine.bytesWritten);
    } catch {
      // the stream will report what is wrong
      return undefined;
    }
  }

  async #decompressSome(chunk: Buffer): Promise<Buffer | undefined> {
    this.#frame ??= this.#startFrame();
    const frame = this.#frame;
    const rest = await feed(frame, chunk);
    if (rest === undefined) return undefined;
    frame.destroy();
    this.#frame = undefined;
    this.#frames++;
    return rest;
  }

  #startFrame(): ZlibStream {
    const params = { [windowLogParameter]: this.#layer.windowLog };
    const frame = this.#zstd.createZstdDecompress({ chunkSize: pieceBytes, params });
    frame.on('data', (piece: Buffer) => this.push(piece));
    // feed() listens during a write; an error between two writes is reported by the next one
    frame.on('error', () => {});
    return frame;
  }
}

/**
 * Compresses with a stream of node:zlib. The bytes depend on whether the end of the input comes with the last chunk or
 * after it; here it always comes after it, so that the same content gives the same bytes.
 */
export class NodeZstdCompress extends Transform {
  readonly #stream: Transform;

  constructor(stream: Transform) {
    super();
    this.#stream = stream;
    stream.on('data', (piece: Buffer) => this.push(piece));
    stream.on('error', (error) => this.destroy(error));
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#stream.write(chunk, () => done());
  }

  override _flush(done: TransformCallback): void {
    this.#stream.once('end', () => done());
    this.#stream.end();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.destroy();
    done(error);
  }
}
