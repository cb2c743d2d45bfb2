import type { Transform } from 'node:stream';

/** Size of the pieces that decompressors give; one call into libuv's pool makes one of them. */
export const PIECE = 1 << 20;

/** A decompressor of node:zlib; what it gives comes by its 'data' events. */
export type ZlibStream = Transform & { readonly bytesWritten: number };

/**
 * Feeds a chunk, of at least one byte, to a stream that decompresses one deflate stream or zstd frame.
 *
 * @returns what lies behind the end of that, maybe all of the chunk; undefined if the end has not come, which may
 *   also mean that it coincides with the chunk's
 * @throws zlib's error if the chunk is malformed
 */
export function feed(stream: ZlibStream, chunk: Buffer): Promise<Buffer | undefined> {
  const before = stream.bytesWritten;
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null) => {
      stream.off('error', settle).off('end', settle);
      if (error) return reject(error);
      const consumed = stream.bytesWritten - before;
      const ended = stream.readableEnded || consumed < chunk.length;
      resolve(ended ? chunk.subarray(consumed) : undefined);
    };
    stream.once('error', settle).once('end', settle);
    stream.write(chunk, settle);
  });
}
