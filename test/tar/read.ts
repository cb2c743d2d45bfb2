import type { ByteSource, TarEntry } from '../../src/layer/types.js';
import { TarReader, type TarReaderOptions } from '../../src/tar/index.js';

export interface ReadEntry extends TarEntry {
  content: Buffer;
}

/** Content of a test; a sparse file may claim any size. */
const LARGE = 1 << 26;

/** A source that gives the bytes in chunks, each in memory that the next read spoils, as a ring does. */
export function sourceOf(bytes: Uint8Array, chunkSize = 512 * 1024): ByteSource & { reads: number } {
  let at = 0;
  const chunk = Buffer.alloc(chunkSize);
  return {
    reads: 0,
    read() {
      this.reads++;
      chunk.fill(0xaa);
      if (at >= bytes.length) return null;
      const piece = bytes.subarray(at, at + chunkSize);
      at += piece.length;
      chunk.set(piece);
      return chunk.subarray(0, piece.length);
    },
  };
}

/** All entries of a tar with their content, holes filled with zeros. */
export function readAll(tar: Uint8Array, chunkSize?: number, options?: TarReaderOptions): ReadEntry[] {
  const reader = new TarReader(sourceOf(tar, chunkSize), options);
  const entries: ReadEntry[] = [];
  for (let entry = reader.next(); entry !== null; entry = reader.next()) {
    if (entry.size > LARGE) throw new RangeError(`${entry.size} bytes are too many to keep`);
    const content = Buffer.alloc(entry.size);
    for (let piece = reader.readData(); piece !== null; piece = reader.readData()) {
      content.set(piece, reader.dataOffset);
    }
    entries.push({ ...entry, content });
  }
  reader.drain();
  return entries;
}

export function readOne(tar: Uint8Array, chunkSize?: number): ReadEntry {
  const [entry, ...more] = readAll(tar, chunkSize);
  if (entry === undefined || more.length > 0) throw new Error(`not one entry: ${more.length + 1}`);
  return entry;
}
