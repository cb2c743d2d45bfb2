import { encodeJson } from '../text/json-lossless.js';
import type { Layout } from './layout.js';
import { configMediaType, manifestMediaType } from './media-types.js';
import { hostPlatform } from './platform.js';
import { checkTag, setTag } from './references.js';
import { showTime } from './time.js';
import type { Descriptor, ImageConfig, Manifest } from './types.js';

/**
 * Writes an image without layers for this machine's platform, and points `tag` to it.
 *
 * @param created creation time in the config
 * @returns the manifest's descriptor
 * @throws LayerhookError REFERENCE_INVALID, NO_SPACE, SYSTEM, and what Layout.updateIndex throws
 */
export async function newImage(layout: Layout, tag: string, created: Date): Promise<Descriptor> {
  checkTag(layout.readIndex(), tag);
  const config: ImageConfig = {
    created: showTime(created),
    ...hostPlatform(),
    config: {},
    rootfs: { type: 'layers', diff_ids: [] },
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: manifestMediaType,
    config: { mediaType: configMediaType, ...(await layout.writeBlob(encodeJson(config))) },
    layers: [],
  };
  const descriptor = { mediaType: manifestMediaType, ...(await layout.writeBlob(encodeJson(manifest))) };
  await setTag(layout, tag, descriptor);
  return descriptor;
}
