import { type Layout, openLayout } from '../image/layout.js';
import { ociMediaType } from '../image/media-types.js';
import { parseImageReference } from '../image/references.js';
import { resolveReference } from '../image/resolve.js';
import type { ResolvedImage } from '../image/types.js';
import { compressionOfMediaType } from '../layer/compression/detect.js';
import { type ImageOptions, platformChoice } from './image-options.js';

export interface OpenedImage {
  layout: Layout;
  image: ResolvedImage;
}

/** Finds the image. Throws if it cannot be unpacked, before anything is started or written. */
export function openImage(options: ImageOptions): OpenedImage {
  const { path, tag } = parseImageReference(options.image);
  const layout = openLayout(path, { maxJson: options.maxJson, limits: options.limits });
  const found = resolveReference(layout, tag, platformChoice(options));
  // refuses a media type that is not a layer's before anything is written
  for (const { mediaType, digest } of found.manifest.layers) {
    compressionOfMediaType(ociMediaType(mediaType), digest);
  }
  return { layout, image: found };
}
