import type { Layout } from '../image/layout.js';
import { ociMediaType } from '../image/media-types.js';
import type { ResolvedImage } from '../image/types.js';
import type { LayerSource } from './types.js';

/**
 * Returns the locations and digests of an image's layers, lowest first. Docker's media types are replaced by their OCI
 * equivalents. Nothing is opened.
 *
 * @throws LayerhookError DIGEST_INVALID
 */
export function layerSources(
  layout: Layout,
  image: ResolvedImage,
  options: Pick<LayerSource, 'zstdWindow'> = {},
): LayerSource[] {
  return image.manifest.layers.map((descriptor, at) => ({
    ...layout.blobPlace(descriptor.digest),
    ...(typeof descriptor.data === 'string' && { data: Buffer.from(descriptor.data, 'base64') }),
    digest: descriptor.digest,
    size: descriptor.size,
    mediaType: ociMediaType(descriptor.mediaType),
    diffID: image.config.rootfs.diff_ids[at]!,
    zstdWindow: options.zstdWindow,
  }));
}
