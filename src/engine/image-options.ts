import type { Limits } from '../errors/index.js';
import type { HistoryOptions } from '../image/history.js';
import { parsePlatform } from '../image/platform.js';
import type { Platform } from '../image/types.js';
import type { Compression } from '../layer/types.js';

/** The image of an operation. */
export interface ImageOptions {
  /** `LAYOUT[:TAG]`; the tag is `latest` by default */
  image: string;
  /** which image of an index, as `OS/ARCH[/VARIANT]` or as an object; default: the only one, else this machine's */
  platform?: string | Platform | undefined;
  /** limit for each JSON document, bytes; default: 32 MiB for index.json, 8 MiB for configs, 4 MiB for the others */
  maxJson?: number | undefined;
  /** changed limits of docs/security.md */
  limits?: Limits | undefined;
}

/** How an operation writes a new layer. */
export interface NewLayerOptions {
  /** default `auto`: as the newest layer whose compression can be written, never `none` */
  compress?: 'auto' | Compression | undefined;
  /** the new history entry; false: write none */
  history?: HistoryOptions | false | undefined;
  /** seconds since the epoch: newer times in the layer and the history entry become this */
  sourceDateEpoch?: number | undefined;
}

/** Returns the platform as `resolveReference` takes it. @throws LayerhookError PLATFORM_INVALID */
export function platformChoice({ platform }: Pick<ImageOptions, 'platform'>): { platform?: Platform } {
  if (platform === undefined) return {};
  return { platform: typeof platform === 'string' ? parsePlatform(platform) : platform };
}
