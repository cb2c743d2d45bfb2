import { holeBudget } from '../../layer/holes.js';
import { generateMerged } from '../../layer/merged/generate.js';
import { readMergedTree } from '../../layer/merged/read.js';
import { layerSources } from '../../layer/sources.js';
import type { ImageOptions } from '../image-options.js';
import { openImage } from '../open-image.js';

export interface ExportImageOptions extends ImageOptions {
  /** seconds since the epoch: newer times in the tar become this */
  sourceDateEpoch?: number | undefined;
  /** bytes of holes in sparse files that may be written as zeros; default 64 GiB */
  maxHoles?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Generates one uncompressed tar of the root filesystem of an image. All layers are read and verified before the first byte
 * of the tar. The same image gives the same bytes.
 *
 * Directories follow the files in them. Tar programs make missing directories, and get their modes and times last.
 *
 * Fails with LayerhookError LIMIT_EXCEEDED, and those of reading images and layers.
 */
export async function* exportImage(options: ExportImageOptions): AsyncGenerator<Buffer> {
  const { sourceDateEpoch, maxHoles, signal } = options;
  const { layout, image } = openImage(options);
  try {
    const tree = await readMergedTree(layerSources(layout, image), { signal });
    const holes = holeBudget(maxHoles ?? layout.limits.holes);
    // the second reading has a budget of its own
    const again = layerSources(layout, image);
    yield* generateMerged({ sources: again, tree, isArchive: true, sourceDateEpoch, holes, signal });
  } finally {
    await layout.close();
  }
}
