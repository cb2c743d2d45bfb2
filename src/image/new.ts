import { encodeJson } from '../text/json-lossless.js';
import type { Layout } from './layout.js';
import { configMediaType, manifestMediaType } from './media-types.js';
import type { NewLayer } from './mutate.js';
import { hostPlatform } from './platform.js';
import { checkTag, setTag } from './references.js';
import { showTime } from './time.js';
import type { Descriptor, ImageConfig, Manifest, Platform } from './types.js';

export interface NewImageOptions {
  /** default: that of this machine */
  platform?: Platform | undefined;
  /** the only layer of the image; default: the image has none */
  layer?: NewLayer | undefined;
}

/**
 * Writes an image, by default without layers, and points `tag` to it.
 *
 * @param created creation time in the config
 * @returns the manifest's descriptor
 * @throws LayerhookError REFERENCE_INVALID, NO_SPACE, SYSTEM, and what Layout.updateIndex throws
 */
export async function newImage(
  layout: Layout,
  tag: string,
  created: Date,
  { platform = hostPlatform(), layer }: NewImageOptions = {},
): Promise<Descriptor> {
  checkTag(layout.readIndex(), tag);
  const config: ImageConfig = {
    created: showTime(created),
    ...platform,
    config: {},
    rootfs: { type: 'layers', diff_ids: layer === undefined ? [] : [layer.diffID] },
    ...(layer?.history && { history: [layer.history] }),
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: manifestMediaType,
    config: { mediaType: configMediaType, ...(await layout.writeBlob(encodeJson(config))) },
    layers: layer === undefined ? [] : [layer.descriptor],
  };
  const descriptor = { mediaType: manifestMediaType, ...(await layout.writeBlob(encodeJson(manifest))) };
  await setTag(layout, tag, descriptor);
  return descriptor;
}
