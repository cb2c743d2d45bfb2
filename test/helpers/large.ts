import { createHash, type Hash } from 'node:crypto';
import { createReadStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Digest } from '../../src/image/types.js';
import { writeImage } from './image.js';
import { writeLargeLayer } from './peak.js';

/** Creates a layout with a tag, with one layer of this many GiB, using little memory. */
export async function largeImage(layout: string, gigabytes: number, tag = 'large'): Promise<void> {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const file = join(layout, 'layer');
  writeLargeLayer(file, gigabytes);
  const digest = await digestOf(createReadStream(file));
  const diffID = await digestOf(createReadStream(file).pipe(createGunzip()));
  const size = statSync(file).size;
  writeImage(layout, [[]], {
    tag,
    edit: {
      config: ({ rootfs }) => {
        rootfs.diff_ids = [diffID];
      },
      manifest: (manifest) => {
        rmSync(join(layout, 'blobs', manifest.layers[0]!.digest.replace(':', '/')));
        manifest.layers = [{ ...manifest.layers[0]!, digest, size }];
      },
    },
  });
  renameSync(file, join(layout, 'blobs', digest.replace(':', '/')));
}

async function digestOf(stream: NodeJS.ReadableStream): Promise<Digest> {
  const hash: Hash = createHash('sha256');
  await pipeline(stream, hash);
  return `sha256:${hash.digest('hex')}`;
}
