import { LayerhookError } from '../errors/index.js';
import { type Layout, openLayout } from '../image/layout.js';
import { ociMediaType } from '../image/media-types.js';
import { parsePlatform } from '../image/platform.js';
import { parseImageReference } from '../image/references.js';
import { resolveReference } from '../image/resolve.js';
import type { Platform, ResolvedImage } from '../image/types.js';
import { compressionOfMediaType } from '../layer/compression/detect.js';
import type { UnpackOptions } from './unpack.js';

export interface OpenedImage {
  layout: Layout;
  image: ResolvedImage;
}

/** Finds the image, and refuses one that cannot be unpacked before anything is started or written. */
export function openImage({ image, platform }: UnpackOptions): OpenedImage {
  const { path, tag } = parseImageReference(image);
  const layout = openLayout(path);
  const choice = platform === undefined ? {} : { platform: readPlatform(platform) };
  const found = resolveReference(layout, tag, choice);
  // refuses what is no layer before anything is written
  for (const { mediaType, digest } of found.manifest.layers) {
    compressionOfMediaType(ociMediaType(mediaType), digest);
  }
  return { layout, image: found };
}

function readPlatform(value: string): Platform {
  const platform = parsePlatform(value);
  if (!platform) throw new LayerhookError('PLATFORM_INVALID', { value });
  return platform;
}
