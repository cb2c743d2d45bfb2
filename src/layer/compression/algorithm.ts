import type { Transform } from 'node:stream';

/** Options of a compressor. */
export interface WriterOptions {
  level: number;
  /** number of blocks compressed in parallel, where the algorithm supports it; does not change the bytes */
  concurrency?: number;
}

/** Options of a decompressor. */
export interface ReaderOptions {
  /** largest window of a zstd stream in bytes, which is the memory that it takes; default 128 MiB, at most 2 GiB */
  zstdWindow?: number | undefined;
}

/** A decompressor with blocking calls, which writes into the caller's memory. */
export interface BlockingDecoder {
  /** the library, for messages */
  readonly name: string;
  /** Gives the next bytes of the blob, after `read` has returned 0. They must not change until it returns 0 again. */
  feed(input: Buffer): void;
  /**
   * Decompresses into `output`.
   *
   * @returns bytes; 0 if it needs more input
   * @throws LayerhookError COMPRESSION_CORRUPT
   */
  read(output: Buffer): number;
  /** Call it at the end of the blob. @throws LayerhookError COMPRESSION_CORRUPT if the blob ends too early */
  end(): void;
}

/** One row of the registry of compressions. */
export interface Algorithm {
  /** suffix of a layer's media type, after `+` in OCI's and after `.` in Docker's; '' for none */
  suffix: string;
  /** the possible first bytes of a blob */
  magic: readonly (readonly number[])[];
  levels: { least: number; most: number; usual: number };
  /** creates a stream that decompresses a blob; it fails with COMPRESSION_CORRUPT. @param digest of the layer, for errors */
  reader: (digest: string, options: ReaderOptions) => Promise<Transform>;
  /** name of the library behind `reader`, for messages */
  readBy: string;
  /** creates a faster decompressor than `reader`; null if this host lacks the library */
  blockingReader?: (digest: string) => Promise<BlockingDecoder | null>;
  /** creates a stream that compresses a tar; the same content and level give the same bytes */
  writer: (options: WriterOptions) => Promise<Transform>;
  /** resolves to true if this host can compress and decompress */
  isAvailable: () => Promise<boolean>;
}
