import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../../src/image/types.js';
import { writeImage } from './image.js';
import { writeLargeLayer } from './peak.js';

/** Creates a layout with a tag, with one layer of this many GiB, using little memory. */
export function largeImage(layout: string, gigabytes: number, tag = 'large'): Promise<void> {
  return imageOf(layout, tag, (file) => writeLargeLayer(file, gigabytes));
}

/** Digests of a compressed layer, and of its tar. */
export interface LargeLayer {
  digest: Digest;
  diffID: Digest;
}

/**
 * Creates a layout with a tag, with one layer that never is in memory as a whole.
 *
 * @param write writes the layer's blob to a file
 */
export async function imageOf(
  layout: string,
  tag: string,
  write: (file: string) => LargeLayer | Promise<LargeLayer>,
): Promise<void> {
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const file = join(layout, 'layer');
  const { digest, diffID } = await write(file);
  const { size } = statSync(file);
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
