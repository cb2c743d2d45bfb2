import { type Layout, openLayout } from '../image/layout.js';
import { ociMediaType } from '../image/media-types.js';
import { parsePlatform } from '../image/platform.js';
import { parseImageReference } from '../image/references.js';
import { resolveReference } from '../image/resolve.js';
import type { ResolvedImage } from '../image/types.js';
import { compressionOfMediaType } from '../layer/compression/detect.js';
import type { UnpackOptions } from './unpack/options.js';

export interface OpenedImage {
  layout: Layout;
  image: ResolvedImage;
}

/** Finds the image, and refuses one that cannot be unpacked before anything is started or written. */
export function openImage({ image, platform }: UnpackOptions): OpenedImage {
  const { path, tag } = parseImageReference(image);
  const layout = openLayout(path);
  const choice = platform === undefined ? {} : { platform: parsePlatform(platform) };
  const found = resolveReference(layout, tag, choice);
  // refuses what is no layer before anything is written
  for (const { mediaType, digest } of found.manifest.layers) {
    compressionOfMediaType(ociMediaType(mediaType), digest);
  }
  return { layout, image: found };
}
