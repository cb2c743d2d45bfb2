import { chainIDs } from '../image/chain.js';
import type { Layout } from '../image/layout.js';
import type { Digest, ResolvedImage } from '../image/types.js';
import type { MapOptions } from '../layer/types.js';
import type { Logger } from '../system/logger.js';
import type { ImageContext, LayerContext } from './points.js';

/** What a context needs that the image itself does not say. */
export interface ContextBase {
  bundle: string;
  rootfs: string;
  map: MapOptions;
  signal: AbortSignal;
  log: Logger;
}

/** The context of the points that see a whole image. */
export function imageContext(base: ContextBase, layout: Layout, image: ResolvedImage): ImageContext {
  const { reference, manifest, manifestDescriptor, config, configDescriptor } = image;
  return { ...base, layout: layout.path, reference, manifest, manifestDescriptor, config, configDescriptor };
}

/** The contexts of the points that see one layer, lowest layer first. */
export function layerContexts(image: ImageContext, layout: Layout, keepDirlinks: boolean): LayerContext[] {
  const diffIDs = image.config.rootfs.diff_ids;
  const chain = chainIDs(diffIDs);
  return image.manifest.layers.map((descriptor, index) => ({
    ...image,
    index,
    descriptor,
    diffID: diffIDs[index] as Digest,
    chainID: chain[index] as Digest,
    lowerChainIDs: chain.slice(0, index),
    chainIDs: chain,
    blob: layout.blobPath(descriptor.digest),
    keepDirlinks,
  }));
}
