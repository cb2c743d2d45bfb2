import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createGzip } from 'node:zlib';
import type { Digest } from '../../src/image/types.js';
import { writeImage } from '../helpers/image.js';
import { imageOf, type LargeLayer, largeImage } from '../helpers/large.js';
import { sparseFile } from '../helpers/sparse.js';
import { type RawEntry, tar } from '../helpers/tar.js';

/** Images that are large in one way, by the name on the command line. Each gets the tag `changed`. */
export const scaleImages: Record<string, (layout: string) => unknown> = {
  'files-250k': (layout) => streamedImage(layout, files(250_000)),
  'files-500k': (layout) => streamedImage(layout, files(500_000)),
  'files-1m': (layout) => streamedImage(layout, files(1_000_000)),
  'names-50k': (layout) => streamedImage(layout, names(50_000)),
  'names-200k': (layout) => streamedImage(layout, names(200_000)),
  'layers-250': (layout) => manyLayers(layout, 250),
  'layers-500': (layout) => manyLayers(layout, 500),
  'layers-1000': (layout) => manyLayers(layout, 1000),
  'sparse-50g': (layout) => writeImage(layout, [[sparseFile('disk', 50 * 2 ** 30)]], { tag: 'changed' }),
  'large-5g': (layout) => largeImage(layout, 5, 'changed'),
  'large-10g': (layout) => largeImage(layout, 10, 'changed'),
};

/** Files of 20 bytes, 1,000 in a directory. */
function* files(count: number): Generator<RawEntry> {
  for (let at = 0; at < count; at++) {
    const dir = `data/${Math.floor(at / 1000)}/`;
    if (at === 0) yield { name: 'data/', type: 'dir' };
    if (at % 1000 === 0) yield { name: dir, type: 'dir' };
    yield { name: `${dir}file${at}`, content: `content of ${at}`.padEnd(20) };
  }
}

/** Empty files in one directory. */
function* names(count: number): Generator<RawEntry> {
  yield { name: 'all/', type: 'dir' };
  for (let at = 0; at < count; at++) yield { name: `all/file${at}` };
}

/** Layers of two files; each also removes a file of the layer below. */
function manyLayers(layout: string, count: number): void {
  const layers = Array.from({ length: count }, (_, at): RawEntry[] => [
    { name: 'etc/', type: 'dir' },
    { name: `etc/a${at}`, content: `${at}` },
    { name: `etc/b${at}`, content: `${at}` },
    ...(at > 0 ? [{ name: `etc/.wh.a${at - 1}` }] : []),
  ]);
  writeImage(layout, layers, { tag: 'changed' });
}

/** Writes an image of one layer without holding the layer in memory. */
function streamedImage(layout: string, entries: Iterable<RawEntry>): Promise<void> {
  return imageOf(layout, 'changed', (file) => writeLayer(file, entries));
}

async function writeLayer(path: string, entries: Iterable<RawEntry>): Promise<LargeLayer> {
  const [plain, packed] = [createHash('sha256'), createHash('sha256')];
  const gzip = createGzip({ level: 1 });
  const out = createWriteStream(path);
  gzip.on('data', (bytes: Buffer) => void packed.update(bytes));
  gzip.pipe(out);
  const write = async (bytes: Buffer) => {
    plain.update(bytes);
    if (!gzip.write(bytes)) await once(gzip, 'drain');
  };
  for (const entry of entries) await write(tar([entry], { trailer: false }));
  await write(Buffer.alloc(1024));
  gzip.end();
  await once(out, 'close');
  const digestOf = (hash: ReturnType<typeof createHash>): Digest => `sha256:${hash.digest('hex')}`;
  return { digest: digestOf(packed), diffID: digestOf(plain) };
}
