import { mkdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { LayerSource } from '../../src/layer/types.js';
import { type LayerOptions, LayerUnpacker } from '../../src/layer/unpacker.js';
import { buildImage, type ImageOptions, type RawLayer } from '../helpers/image.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

export const dir = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({ name, type: 'dir', ...more });
export const file = (name: string, content = '', more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  content,
  ...more,
});

export const options: LayerOptions = {
  map: { uidMappings: [], gidMappings: [], rootless: false },
  whiteouts: null,
  keepDirlinks: false,
  overlayXattr: 'trusted',
  track: 't',
  mtree: true,
};

export interface Bench {
  unpacker: LayerUnpacker;
  sources: LayerSource[];
  /** path of a fresh directory */
  target(name: string): string;
  abort: AbortController;
  warnings: string[];
}

/** Threads that apply the layers of an image, and where to. */
export function bench(t: ExecutionContext<unknown>, layers: RawLayer[], image: ImageOptions = {}): Bench {
  const built = buildImage(t, layers, image);
  const abort = new AbortController();
  const warnings: string[] = [];
  const unpacker = new LayerUnpacker({
    maxHoles: Number.MAX_SAFE_INTEGER,
    signal: abort.signal,
    onWarning: (message) => warnings.push(message),
  });
  t.teardown(() => unpacker.close());
  const base = tmpdir(t);
  const sources = built.manifest.layers.map(({ digest, size, mediaType }, i) => ({
    path: built.blob(digest),
    digest,
    size,
    mediaType,
    diffID: built.config.rootfs.diff_ids[i]!,
  }));
  const target = (name: string) => {
    mkdirSync(join(base, name));
    utimesSync(join(base, name), 0, 0);
    return join(base, name);
  };
  return { unpacker, sources, target, abort, warnings };
}

export const many = (count: number, size: number, prefix = 'f') =>
  Array.from({ length: count }, (_, i) => file(`${prefix}${i}`, String(i).repeat(size).slice(0, size)));
