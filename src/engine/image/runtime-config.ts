import { resolve } from 'node:path';
import type { ImageConfig } from '../../image/types.js';
import type { MapOptions } from '../../layer/types.js';
import { generateSpec } from '../../spec/generate.js';
import type { RuntimeSpec } from '../../spec/types.js';
import { type Logger, silentLogger } from '../../system/logger.js';
import type { ImageOptions } from '../image-options.js';
import { openImage } from '../open-image.js';
import { unmapped } from '../operation.js';

export interface RuntimeConfigOptions extends ImageOptions {
  /** path of a root filesystem, whose /etc/passwd and /etc/group resolve the user; without one, a named user becomes root */
  rootfs?: string | undefined;
  /** ids on this host and in the image */
  map?: MapOptions | undefined;
  log?: Logger | undefined;
}

/**
 * Returns the config.json of a container of an image, without unpacking the image; umoci-raw-runtime-config(1).
 *
 * @throws LayerhookError IMAGE_INVALID, LIMIT_EXCEEDED, and those of reading images
 */
export async function runtimeConfig(options: RuntimeConfigOptions): Promise<RuntimeSpec> {
  const { rootfs, map = unmapped, log = silentLogger } = options;
  const { layout, image } = openImage(options);
  await layout.close();
  if (rootfs !== undefined) return generateSpec(image, { rootfs: resolve(rootfs), map });
  return generateSpec({ config: withNumericUser(image.config, log) }, { rootfs: null, map });
}

/** Replaces a user or group that only /etc/passwd or /etc/group could resolve by root, as umoci does. */
function withNumericUser(image: ImageConfig, log: Logger): ImageConfig {
  const user = image.config?.User ?? '';
  if (/^(\d+(:\d+)?)?$/.test(user)) return image;
  log.warn(
    `user ${JSON.stringify(user)} cannot be looked up without a root filesystem; the config has root instead`,
  );
  return { ...image, config: { ...image.config, User: '0:0' } };
}
