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

/** One row of the registry of compressions. */
export interface Algorithm {
  /** suffix of a layer's media type, after `+` in OCI's and after `.` in Docker's; '' for none */
  suffix: string;
  /** the possible first bytes of a blob */
  magic: readonly (readonly number[])[];
  levels: { least: number; most: number; usual: number };
  /** creates a stream that decompresses a blob; it fails with COMPRESSION_CORRUPT. @param digest of the layer, for errors */
  reader: (digest: string, options: ReaderOptions) => Promise<Transform>;
  /** creates a stream that compresses a tar; the same content and level give the same bytes */
  writer: (options: WriterOptions) => Promise<Transform>;
  /** resolves to true if this host can compress and decompress */
  isAvailable: () => Promise<boolean>;
}
