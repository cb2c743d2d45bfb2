import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Descriptor, Index } from '../../src/image/types.js';
import { cachedDebian } from '../helpers/debian.js';
import { writeImage } from '../helpers/image.js';
import { largeImage } from '../helpers/large.js';
import type { RawEntry } from '../helpers/tar.js';
import { layeredImage } from './layered.js';

/** Images by the name on the command line. Each is made in a layout, with the tag `changed`. */
export const images: Record<string, { title: string; make: (layout: string) => unknown }> = {
  five: { title: '5 layers with node_modules', make: fiveLayers },
  small: { title: 'Debian, 12k files', make: (layout) => copyDebian('small', layout) },
  full: { title: 'Debian, 36k files', make: (layout) => copyDebian('full', layout) },
  layers: { title: '120 layers', make: (layout) => layeredImage(layout) },
  try: { title: 'two small layers', make: tryLayers },
  large: { title: 'one layer of 3 GiB', make: (layout) => largeImage(layout, 3, 'changed') },
};

/** For a change of the bench itself. */
function tryLayers(layout: string): void {
  const file = { name: 'etc/a', content: 'a' };
  writeImage(layout, [[{ name: 'etc/', type: 'dir' }, file], [{ name: 'etc/.wh.a' }]], { tag: 'changed' });
}

function copyDebian(extent: 'small' | 'full', layout: string): void {
  mkdirSync(layout);
  cpSync(cachedDebian(extent).layout, layout, { recursive: true });
  // podman loads no archive of two images
  const file = join(layout, 'index.json');
  const index = JSON.parse(readFileSync(file, 'utf8')) as Index;
  const isChanged = (one: Descriptor) => one.annotations?.['org.opencontainers.image.ref.name'] === 'changed';
  writeFileSync(file, JSON.stringify({ ...index, manifests: index.manifests.filter(isChanged) }));
}

/**
 * An image as a web application has: a system with some large files, its packages, a tree of node_modules, the application,
 * and a layer that replaces and deletes some files. 34,000 entries, 600 MB; gzip compresses them to a third.
 */
function fiveLayers(layout: string): void {
  const content = contents();
  const files = (dir: string, count: number, bytes: number): RawEntry[] => [
    { name: `${dir}/`, type: 'dir' },
    ...Array.from({ length: count }, (_, at) => ({
      name: `${dir}/file${at}.js`,
      content: content(bytes * (0.25 + ((at * 7) % 13) / 8)),
    })),
  ];
  const many = (dir: string, dirs: number, count: number, bytes: number): RawEntry[] => [
    { name: `${dir}/`, type: 'dir' },
    ...Array.from({ length: dirs }, (_, at) => files(`${dir}/package${at}`, count, bytes)).flat(),
  ];
  const layers = [
    [...files('usr', 1, 100), ...files('usr/bin', 40, 4e6), ...many('usr/share', 250, 20, 9e3)],
    [...many('usr/lib', 100, 25, 4e4)],
    [{ name: 'app/', type: 'dir' } as const, ...many('app/node_modules', 2200, 10, 6e3)],
    [...many('app/dist', 100, 20, 3e4)],
    [
      { name: 'usr/share/.wh.package3' },
      { name: 'app/node_modules/.wh.package7' },
      ...files('app/etc', 100, 900),
    ],
  ];
  writeImage(layout, layers, { tag: 'changed', blob: (bytes) => gzipSync(bytes) });
}

/** Returns a function that makes content of any size: words of a small language, always the same. */
function contents(): (bytes: number) => Buffer {
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const words = Array.from(
    { length: 3000 },
    () => random(2 ** 24).toString(36) + random(2 ** 20).toString(36),
  );
  // few words are frequent, as in any language
  const text = Buffer.from(
    Array.from({ length: 600_000 }, () => words[random(1 + random(words.length))]).join(' '),
  );
  return (bytes) => {
    const pieces: Buffer[] = [];
    for (let left = Math.round(bytes); left > 0; ) {
      const at = random(text.length - 1);
      const piece = text.subarray(at, Math.min(at + left, at + 20_000));
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  };
}
