import type { Transform } from 'node:stream';

/** Bytes of the pieces that decompressors produce, each in one call into libuv's pool. */
export const PIECE = 1 << 20;

/** A decompressor of node:zlib; its output arrives in 'data' events. */
export type ZlibStream = Transform & { readonly bytesWritten: number };

/**
 * Writes a chunk, of at least one byte, to a stream that decompresses one deflate stream or zstd frame.
 *
 * @returns the bytes after the end of that stream or frame, maybe the whole chunk; undefined if it has not ended, or ends
 *   exactly with the chunk
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
