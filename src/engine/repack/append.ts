import { historyEntry } from '../../image/history.js';
import { openLayout } from '../../image/layout.js';
import { ImageMutation } from '../../image/mutate.js';
import { checkTag, parseImageReference } from '../../image/references.js';
import { resolveReference } from '../../image/resolve.js';
import type { Descriptor, Digest, ResolvedImage } from '../../image/types.js';
import { checkpoint } from '../../system/steps.js';
import { type ImageOptions, type NewLayerOptions, platformChoice } from '../image-options.js';

export interface AppendLayerOptions extends ImageOptions, NewLayerOptions {
  /** tag for the new image; default: the one of `image`, which then names the new one */
  tag?: string | undefined;
  /** the diff layer */
  tar: AsyncIterable<Buffer>;
  /** what the history says made the layer, unless `history` says it */
  createdBy: string;
  /** called before anything is written; true leaves the image unchanged */
  isDone?: ((image: ResolvedImage) => boolean) | undefined;
  signal?: AbortSignal | undefined;
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
  const { path, tag: from } = parseImageReference(options.image);
  const { tag = from, tar, sourceDateEpoch, createdBy, signal } = options;
  const { maxJson, limits } = options;
  const layout = openLayout(path, { signal, maxJson, limits });
  try {
    const image = resolveReference(layout, from, platformChoice(options));
    if (options.isDone?.(image)) return null;
    checkTag(layout.readIndex(), tag);
    const mutation = new ImageMutation(layout, image);
    const compression = await chooseCompression(options.compress ?? 'auto', image.manifest);
    const { descriptor, diffID } = await writeLayer(layout, tar, compression, { signal });
    await checkpoint(signal);
    const { author } = image.config;
    const history = historyEntry(options.history, sourceDateEpoch, { createdBy, author });
    mutation.addLayer({ descriptor, diffID, ...(history && { history }) });
    const manifest = (await mutation.commit(tag)).at(-1)!;
    return { manifest, tag, layer: descriptor, diffID };
  } finally {
    await layout.close();
  }
}
