import { holeBudget } from '../../layer/holes.js';
import type { MapOptions } from '../../layer/types.js';
import { fromText } from '../../system/bytes.js';
import type { Logger } from '../../system/logger.js';
import { restoreModes } from '../../system/saved-modes.js';
import type { ImageOptions, NewLayerOptions } from '../image-options.js';
import { unmapped } from '../operation.js';
import { type ProgressEvent, workTo } from '../progress.js';
import { type AppendResult, appendLayer } from './append.js';

export interface InsertLayerOptions extends ImageOptions, NewLayerOptions {
  /** tag for the new image; default: the one of `image`, which then names the new one */
  tag?: string | undefined;
  /** path of a file or directory on this host; null: `target` is deleted from the image */
  source: string | null;
  /** path in the image */
  target: string;
  /** of a directory: what lower layers have in `target` does not show */
  opaque?: boolean | undefined;
  /** ids on this host and in the image */
  map?: MapOptions | undefined;
  /** bytes of holes in sparse files that may be written into the layer as zeros; default 64 GiB */
  maxHoles?: number | undefined;
  signal?: AbortSignal | undefined;
  log?: Logger | undefined;
  onProgress?: ((event: ProgressEvent) => void) | undefined;
}

export type InsertResult = AppendResult;

/**
 * Puts a layer on top of an image that adds a file or directory of this host, or deletes a path; umoci-insert(1).
 *
 * @throws LayerhookError LAYER_PATH, FILE_CHANGED, ID_UNMAPPED, USAGE, and those of reading and writing images
 */
export async function insertLayer(options: InsertLayerOptions): Promise<InsertResult> {
  restoreModes();
  const { generateInsertLayer } = await import('../../layer/generate/insert.js');
  const { source, opaque, map = unmapped, sourceDateEpoch, signal, log } = options;
  const target = fromText(options.target);
  const holes = holeBudget(options.maxHoles ?? options.limits?.holes);
  const onProgress = workTo(options.onProgress, 'pack');
  const content = { source, target, opaque, map, sourceDateEpoch, holes };
  const tar = generateInsertLayer({ ...content, signal, log, onProgress });
  const { image, tag, platform, maxJson, limits, compress, history } = options;
  const createdBy = 'layerhook insert';
  const layer = { tar, compress, history, createdBy, sourceDateEpoch };
  return (await appendLayer({ image, tag, platform, maxJson, limits, ...layer, signal }))!;
}
