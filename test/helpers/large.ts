import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeImage } from './image.js';
import { writeLargeLayer } from './peak.js';

/** Creates a layout with a tag, with one layer of this many GiB, using little memory. */
export function largeImage(layout: string, gigabytes: number, tag = 'large'): void {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const file = join(layout, 'layer');
  const { digest, diffID } = writeLargeLayer(file, gigabytes);
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
