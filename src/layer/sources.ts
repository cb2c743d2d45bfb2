import { statSync } from 'node:fs';
import type { Limits } from '../errors/index.js';
import type { Layout } from '../image/layout.js';
import { ociMediaType } from '../image/media-types.js';
import type { BlobPlace } from '../image/storage/storage.js';
import type { ResolvedImage } from '../image/types.js';
import { layerBudget } from '../tar/budget.js';
import type { LayerSource } from './types.js';

/**
 * Returns the locations and digests of an image's layers, lowest first. Docker's media types are replaced by their OCI
 * equivalents. Nothing is opened. All layers share one budget.
 *
 * @throws LayerhookError DIGEST_INVALID
 */
export function layerSources(
  layout: Layout,
  image: ResolvedImage,
  options: { zstdWindow?: number | undefined; limits?: Limits | undefined } = {},
): LayerSource[] {
  const { limits = layout.limits } = options;
  const budget = layerBudget(limits, blobBytes(layout, image));
  return image.manifest.layers.map((descriptor, at) => ({
    ...layout.blobPlace(descriptor.digest),
    ...(typeof descriptor.data === 'string' && { data: Buffer.from(descriptor.data, 'base64') }),
    digest: descriptor.digest,
    size: descriptor.size,
    mediaType: ociMediaType(descriptor.mediaType),
    diffID: image.config.rootfs.diff_ids[at]!,
    zstdWindow: options.zstdWindow ?? limits['zstd-window'],
    budget,
  }));
}

/** Returns the size of the blobs that are really there, each counted once: the sizes of descriptors are not verified yet. */
function blobBytes(layout: Layout, { manifest }: ResolvedImage): number {
  const embedded = manifest.layers.map(({ data }) => (typeof data === 'string' ? data.length : 0));
  const digests = new Set(manifest.layers.map(({ digest }) => digest));
  const files = [...digests].map((digest) => sizeOf(layout.blobPlace(digest)));
  return [...embedded, ...files].reduce((sum, size) => sum + size, 0);
}

/** Returns 0 for a blob that cannot be read: reading the layer reports the reason. */
function sizeOf({ path, range, data }: BlobPlace): number {
  try {
    return data?.length ?? range?.size ?? statSync(path).size;
  } catch {
    return 0;
  }
}
