import { pipeline } from 'node:stream/promises';
import { detectCompression } from './detect.js';
import { createDecompressor } from './streams.js';

/** Bytes that tell the compression. */
const magicBytes = 4;

/**
 * Yields the decompressed bytes of a stream whose first bytes tell the compression; a stream without one is yielded unchanged.
 *
 * @param digest of the layer, or another name of the stream, for errors
 * @throws LayerhookError COMPRESSION_CORRUPT, COMPRESSION_UNAVAILABLE, LIMIT_EXCEEDED, and what the stream throws
 */
export async function* decompressed(stream: AsyncIterable<Buffer>, digest: string): AsyncGenerator<Buffer> {
  const bytes = stream[Symbol.asyncIterator]();
  const head = await readHead(bytes);
  const compression = detectCompression(head);
  const whole = joined(head, bytes);
  if (compression === 'none') return yield* whole;
  const decoder = await createDecompressor(compression, digest);
  const decoding = pipeline(whole, decoder);
  // the decoder fails with the same error
  decoding.catch(() => {});
  try {
    for await (const chunk of decoder) yield chunk as Buffer;
    await decoding;
  } finally {
    decoder.destroy();
    await decoding.catch(() => {});
  }
}

async function readHead(bytes: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < magicBytes) {
    const next = await bytes.next();
    if (next.done) return head;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
