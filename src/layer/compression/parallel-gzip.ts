import { Transform, type TransformCallback } from 'node:stream';
import { constants, crc32, deflateRaw } from 'node:zlib';
import { span } from '../../system/trace.js';
import type { WriterOptions } from './algorithm.js';

const blockBytes = 1 << 20;
/** How many bytes back deflate can refer; RFC 1951, section 2. */
const windowBytes = 32 * 1024;
/** No name, no time, unknown system: the same content gives the same bytes; RFC 1952, section 2.3. */
const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

/**
 * Compresses to one gzip member, in blocks of 1 MiB in parallel in libuv's pool. Each block may refer to the previous one,
 * so the result is hardly larger than that of a single block. The bytes depend only on the content and the level, not on
 * the concurrency or the sizes of the chunks.
 */
export class ParallelGzip extends Transform {
  readonly #level: number;
  readonly #concurrency: number;
  /** blocks that are being compressed, in order */
  readonly #jobs: Promise<Buffer>[] = [];
  #block: Buffer = Buffer.allocUnsafeSlow(blockBytes);
  #filled = 0;
  #dictionary: Buffer | undefined;
  #crc = 0;
  #length = 0;

  constructor({ level, concurrency = poolThreads() }: WriterOptions) {
    super({ writableHighWaterMark: blockBytes });
    this.#level = level;
    this.#concurrency = concurrency;
    this.push(gzipHeader);
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#crc = crc32(chunk, this.#crc);
    this.#length += chunk.length;
    this.#add(chunk).then(() => done(), done);
  }

  override _flush(done: TransformCallback): void {
    this.#finish().then(() => done(), done);
  }

  async #add(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(this.#block, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled < blockBytes) return;
      this.#start(constants.Z_SYNC_FLUSH);
      if (this.#jobs.length >= this.#concurrency) this.push(await this.#jobs.shift());
    }
  }

  async #finish(): Promise<void> {
    this.#start(constants.Z_FINISH);
    for (const job of this.#jobs) this.push(await job);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#length % 2 ** 32, 4);
    this.push(trailer);
  }

  #start(finishFlush: number): void {
    const block = this.#block.subarray(0, this.#filled);
    const job = compress(block, this.#level, finishFlush, this.#dictionary);
    // its error is reported when it is awaited, which may never happen if another job fails first
    job.catch(() => {});
    this.#jobs.push(job);
    this.#dictionary = block.subarray(-windowBytes);
    this.#block = Buffer.allocUnsafeSlow(blockBytes);
    this.#filled = 0;
  }
}

/** Returns the number of threads in libuv's pool: 4, unless the environment sets another. */
function poolThreads(): number {
  return Number(process.env.UV_THREADPOOL_SIZE) || 4;
}

function compress(
  block: Buffer,
  level: number,
  finishFlush: number,
  dictionary: Buffer | undefined,
): Promise<Buffer> {
  const options = { level, finishFlush, chunkSize: blockBytes, ...(dictionary ? { dictionary } : {}) };
  return new Promise((resolve, reject) => {
    const deflating = span('deflate', '', 'pool');
    deflateRaw(block, options, (error, compressed) => {
      deflating();
      if (error) reject(error);
      else resolve(compressed);
    });
  });
}
