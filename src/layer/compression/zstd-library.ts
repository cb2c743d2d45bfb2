import { Transform, type TransformCallback } from 'node:stream';
import type { Libzstd, ZstdContext } from '../../system/zstd.js';
import { pieceBytes } from './feed.js';
import { type ZstdLayer, zstdError } from './zstd-error.js';

const none = Buffer.alloc(0);

/** A stream over a context of libzstd, whose calls run in other threads. */
abstract class LibraryStream extends Transform {
  readonly #context: ZstdContext;
  #running: Promise<unknown> = Promise.resolve();
  #output: Buffer = none;

  constructor(context: ZstdContext) {
    super({ writableHighWaterMark: 1 << 20, readableHighWaterMark: 2 * pieceBytes });
    this.#context = context;
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#running.finally(() => this.#context.free()).catch(() => {});
    done(error);
  }

  /** Processes all of `input` and emits the output. @param end also emits everything that libzstd still holds */
  protected async run(input: Buffer, end: boolean): Promise<void> {
    for (let rest = input; ; ) {
      if (this.#output.length === 0) this.#output = Buffer.allocUnsafeSlow(pieceBytes);
      const output = this.#output;
      const step = this.#context.step(rest, output, end);
      this.#running = step;
      const { consumed, produced, pending } = await step;
      if (this.destroyed) return;
      if (produced > 0) this.push(output.subarray(0, produced));
      this.#output = output.subarray(produced);
      this.afterStep(consumed, pending);
      rest = rest.subarray(consumed);
      // if the output buffer is full, there may be more output
      const drained = produced < output.length && !(end && pending > 0);
      if (rest.length === 0 && drained) return;
    }
  }

  protected abstract afterStep(consumed: number, pending: number): void;
}

/** Decompresses zstd with libzstd. */
export class LibraryUnzstd extends LibraryStream {
  readonly #layer: ZstdLayer;
  #inFrame = false;
  #frames = 0;

  constructor(zstd: Libzstd, layer: ZstdLayer) {
    super(zstd.decompressor(layer.windowLog));
    this.#layer = layer;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.run(chunk, false).then(
      () => done(),
      (error) => done(zstdError(error, this.#layer)),
    );
  }

  override _flush(done: TransformCallback): void {
    const complete = this.#frames > 0 && !this.#inFrame;
    done(complete ? null : zstdError(new Error('it ends too early'), this.#layer));
  }

  protected override afterStep(consumed: number, pending: number): void {
    if (pending === 0) this.#frames++;
    if (pending === 0 || consumed > 0) this.#inFrame = pending !== 0;
  }
}

/** Compresses with libzstd to one frame. */
export class LibraryZstd extends LibraryStream {
  constructor(zstd: Libzstd, level: number) {
    super(zstd.compressor(level));
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.run(chunk, false).then(() => done(), done);
  }

  override _flush(done: TransformCallback): void {
    this.run(none, true).then(() => done(), done);
  }

  protected override afterStep(): void {}
}
