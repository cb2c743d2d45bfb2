import { Readable, type Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { isLayerhookError } from '../../../src/errors/index.js';
import type { BlockingDecoder } from '../../../src/layer/compression/algorithm.js';

/** What comes out of a stream for what goes in, cut into chunks. */
export function through(stream: Transform, input: Uint8Array, chunk = 64 * 1024): Promise<Buffer> {
  const output = buffer(stream);
  Readable.from(chunks(Buffer.from(input), chunk)).pipe(stream);
  return output;
}

/** The same for a decompressor with blocking calls; `room` is the size of the memory that it writes to. */
export function throughBlocking(
  decoder: BlockingDecoder,
  input: Uint8Array,
  chunk = 64 * 1024,
  room = 512 * 1024,
): Buffer {
  const pieces: Buffer[] = [];
  const output = Buffer.alloc(room);
  for (const piece of chunks(Buffer.from(input), chunk)) {
    decoder.feed(piece);
    for (let made = decoder.read(output); made > 0; made = decoder.read(output))
      pieces.push(Buffer.from(output.subarray(0, made)));
  }
  decoder.end();
  return Buffer.concat(pieces);
}

/** The code of the error that a promise ends in, and the reason it gives. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isLayerhookError(error)) return `${error.code}: ${error.details.reason}`;
    throw error;
  }
  return 'accepted';
}

/** Bytes of a bit of everything: text, noise, long repeats. The same ones for the same seed. */
export function sample(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at < size; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const length = Math.min(1 + (state >>> 20), size - at);
    if (state & 0x10000) bytes.fill(`line ${state % 1000}\n`, at, at + length);
    else for (let i = 0; i < length; i++) bytes[at + i] = Math.imul(state + i, 2_654_435_761) >>> 24;
    at += length;
  }
  return bytes;
}

function* chunks(bytes: Buffer, size: number): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
