import type { ResolvedImage } from '../../image/types.js';
import { type ReadTreeOptions, readMergedTree } from '../../layer/merged/read.js';
import type { MergedTree } from '../../layer/merged/tree.js';
import { layerSources } from '../../layer/sources.js';
import type { LayerSource } from '../../layer/types.js';
import { throwIfAborted } from '../../system/steps.js';
import type { ImageOptions } from '../image-options.js';
import { openImage } from '../open-image.js';

export interface ImageTreeOptions extends ImageOptions, ReadTreeOptions {
  /** largest window of a zstd layer in bytes; default 128 MiB */
  zstdWindow?: number | undefined;
}

/** All files of an image, and the layers that have their content. */
export interface ImageTree {
  image: ResolvedImage;
  tree: MergedTree;
  /** the layers, lowest first */
  sources: LayerSource[];
}

/**
 * Reads the files of an image without unpacking it. Each blob and diffID is verified.
 *
 * @throws LayerhookError ABORTED, LIMIT_EXCEEDED, and those of reading images and layers
 */
export async function readImageTree(options: ImageTreeOptions): Promise<ImageTree> {
  const { image, sources, maxHoles } = await openSources(options);
  return { image, sources, tree: await readMergedTree(sources, { ...options, maxHoles }) };
}

/** The layers of an image, and how many bytes of their holes may be read. */
export interface ImageSources extends Omit<ImageTree, 'tree'> {
  maxHoles: number | undefined;
}

/** Finds the layers of an image, lowest first. @throws LayerhookError ABORTED, and those of reading images */
export async function openSources(options: ImageTreeOptions): Promise<ImageSources> {
  throwIfAborted(options.signal);
  const { layout, image } = openImage(options);
  await layout.close();
  const sources = layerSources(layout, image, { zstdWindow: options.zstdWindow });
  return { image, sources, maxHoles: options.maxHoles ?? layout.limits.holes };
}
