import type { TarEntry } from '../layer/types.js';
import { TarReader } from '../tar/index.js';
import { type RawEntry, tar } from './tar.js';

/** An entry of a layer with its content. */
export type LayerEntry = TarEntry & { content: Buffer };

/** Returns the entries of an uncompressed layer, in order. */
export function readLayer(layer: Buffer | RawEntry[]): LayerEntry[] {
  const bytes = Buffer.isBuffer(layer) ? layer : tar(layer);
  let rest: Buffer | null = bytes;
  const reader = new TarReader({
    read() {
      const given = rest;
      rest = null;
      return given;
    },
  });
  const entries: LayerEntry[] = [];
  for (let entry = reader.next(); entry !== null; entry = reader.next()) {
    const content = Buffer.alloc(entry.size);
    for (let piece = reader.readData(); piece !== null; piece = reader.readData())
      piece.copy(content, reader.dataOffset);
    entries.push({ ...entry, content });
  }
  return entries;
}
