import { historyEntry } from '../../image/history.js';
import type { Descriptor, Digest, ResolvedImage } from '../../image/types.js';
import { checkpoint } from '../../system/steps.js';
import { type EditImageOptions, editImage } from '../edit-image.js';
import type { NewLayerOptions } from '../image-options.js';

export interface AppendLayerOptions extends EditImageOptions, NewLayerOptions {
  /** the diff layer */
  tar: AsyncIterable<Buffer>;
  /** what the history says made the layer, unless `history` says it */
  createdBy: string;
  /** called before anything is written; true leaves the image unchanged */
  isDone?: ((image: ResolvedImage) => boolean) | undefined;
}

export interface AppendResult {
  manifest: Descriptor;
  tag: string;
  layer: Descriptor;
  diffID: Digest;
}

/**
 * Puts a layer on top of an image, and moves the tag.
 *
 * @returns null if `isDone` said that there is nothing to do
 * @throws LayerhookError, those of reading and writing images, and what the tar throws
 */
export async function appendLayer(options: AppendLayerOptions): Promise<AppendResult | null> {
  const { chooseCompression, writeLayer } = await import('../../layer/generate/write-layer.js');
  const { tar, sourceDateEpoch, createdBy, signal } = options;
  return editImage(options, async ({ layout, image, mutation, tag }) => {
    if (options.isDone?.(image)) return null;
    const compression = await chooseCompression(options.compress ?? 'auto', image.manifest);
    const { descriptor, diffID } = await writeLayer(layout, tar, compression, { signal });
    await checkpoint(signal);
    const { author } = image.config;
    const history = historyEntry(options.history, sourceDateEpoch, { createdBy, author });
    mutation.addLayer({ descriptor, diffID, ...(history && { history }) });
    const manifest = (await mutation.commit(tag)).at(-1)!;
    return { manifest, tag, layer: descriptor, diffID };
  });
}
