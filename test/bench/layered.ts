import { gzipSync } from 'node:zlib';
import { type BuiltImage, writeImage } from '../helpers/image.js';
import type { RawEntry } from '../helpers/tar.js';

const layers = 120;

/**
 * Makes a layout, tag `changed`: 120 layers of 100 files; each also replaces a file of the layer below, and removes one.
 *
 * @param filesInALayer at least 2
 */
export function layeredImage(layout: string, filesInALayer = 100): BuiltImage {
  const all = Array.from({ length: layers }, (_, layer) => entriesOf(layer, filesInALayer));
  return writeImage(layout, all, { tag: 'changed', blob: (bytes) => gzipSync(bytes) });
}

function entriesOf(layer: number, filesInALayer: number): RawEntry[] {
  const shared: RawEntry[] = [
    { name: 'usr/', type: 'dir' },
    { name: 'usr/lib/', type: 'dir' },
  ];
  const dir = `usr/lib/part${layer}/`;
  const files = Array.from({ length: filesInALayer }, (_, n) => ({
    name: `${dir}file${n}`,
    content: text(layer * filesInALayer + n),
  }));
  const below = `usr/lib/part${layer - 1}/`;
  const edits: RawEntry[] = [
    { name: below, type: 'dir' },
    { name: `${below}.wh.file0` },
    { name: `${below}file1`, content: text(layer) },
  ];
  return [...shared, { name: dir, type: 'dir' }, ...files, ...(layer > 0 ? edits : [])];
}

/** 0.5 to 10 KB that compress about as well as programs do. */
function text(seed: number): string {
  const words = 50 + ((seed * 7919) % 1000);
  return Array.from({ length: words }, (_, n) => ((seed + 1) * (n + 17) * 2654435761).toString(36)).join(' ');
}
