import { PassThrough } from 'node:stream';
import type { Algorithm } from './algorithm.js';

/**
 * All compressions of layers, the preferred one first. A new one needs a row here, and a file with its streams, which is
 * loaded only when a stream is created.
 */
const algorithms = {
  gzip: {
    suffix: 'gzip',
    magic: [[0x1f, 0x8b]],
    // blobs of level 4 are about as large as umoci's
    levels: { least: 1, most: 9, usual: 4 },
    reader: async (digest) => new (await import('./gunzip.js')).Gunzip(digest),
    readBy: 'node:zlib',
    blockingReader: async (digest) => (await import('./gunzip-isal.js')).isalGunzip(digest),
    writer: async (options) => new (await import('./parallel-gzip.js')).ParallelGzip(options),
    isAvailable: async () => true,
  },
  zstd: {
    suffix: 'zstd',
    // a frame, or one of 16 skippable frames, which may come first; RFC 8878, section 3.1
    magic: [[0x28, 0xb5, 0x2f, 0xfd], ...Array.from({ length: 16 }, (_, i) => [0x50 + i, 0x2a, 0x4d, 0x18])],
    levels: { least: 1, most: 19, usual: 3 },
    reader: async (digest, options) => (await import('./zstd.js')).unzstd(digest, options),
    readBy: 'zstd',
    writer: async (options) => (await import('./zstd.js')).zstdCompress(options),
    isAvailable: async () => (await import('./zstd.js')).isZstdAvailable(),
  },
  none: {
    suffix: '',
    magic: [],
    levels: { least: 0, most: 0, usual: 0 },
    reader: async () => new PassThrough(),
    readBy: 'none',
    writer: async () => new PassThrough(),
    isAvailable: async () => true,
  },
} as const satisfies Record<string, Algorithm>;

export type Compression = keyof typeof algorithms;

export const compressions = Object.keys(algorithms) as Compression[];

/** Returns the row of a compression. */
export function algorithmOf(compression: Compression): Algorithm {
  return algorithms[compression];
}
