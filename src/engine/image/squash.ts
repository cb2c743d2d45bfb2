import { findLayer, type LayerDigests } from '../../image/find-layer.js';
import { historyEntry } from '../../image/history.js';
import { type Layout, openLayout } from '../../image/layout.js';
import { ImageMutation } from '../../image/mutate.js';
import { checkTag, parseImageReference } from '../../image/references.js';
import { resolveReference } from '../../image/resolve.js';
import { squashLayers } from '../../image/squash.js';
import type { Descriptor, Digest, ResolvedImage } from '../../image/types.js';
import { chooseCompression, type WrittenLayer, writeLayer } from '../../layer/generate/write-layer.js';
import { holeBudget } from '../../layer/holes.js';
import { generateMerged, type MergedTarOptions } from '../../layer/merged/generate.js';
import { readMergedTree } from '../../layer/merged/read.js';
import { readTreeAndKept } from '../../layer/merged/read-kept.js';
import { layerSources } from '../../layer/sources.js';
import type { LayerSource } from '../../layer/types.js';
import { checkpoint } from '../../system/steps.js';
import { type ImageOptions, type NewLayerOptions, platformChoice } from '../image-options.js';

export interface FlattenImageOptions extends ImageOptions, NewLayerOptions {
  /** tag for the new image; default: the one of `image`, which then names the new one */
  tag?: string | undefined;
  /** bytes of holes in sparse files that may be written into the layer as zeros; default 64 GiB */
  maxHoles?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface SquashImageOptions extends FlattenImageOptions {
  /** the lowest layer to squash: its index (0 is the lowest layer of the image), its digest or its diffID */
  from: number | string;
}

export interface SquashImageResult {
  manifest: Descriptor;
  tag: string;
  /** the new layer */
  layer: Descriptor;
  diffID: Digest;
  /** number of layers that became the new one */
  squashed: number;
}

/**
 * Makes one layer of all layers of an image, and points a tag to the new image. The layer has the files of the image, without
 * those that upper layers delete; hardlinks stay hardlinks. Nothing is unpacked: the layers are read twice.
 *
 * The tag is written last. The history keeps its entries, as changes without a layer.
 *
 * @throws LayerhookError LIMIT_EXCEEDED, and those of reading and writing images and layers
 */
export function flattenImage(options: FlattenImageOptions): Promise<SquashImageResult> {
  return squash(options, () => 0, 'layerhook flatten');
}

/**
 * Makes one layer of the layers of an image from one on, as {@link flattenImage} does. The layers below stay; whiteouts in the
 * new layer delete their files as the squashed layers did.
 *
 * @throws LayerhookError LAYER_NOT_FOUND, and as flattenImage
 */
export function squashImage(options: SquashImageOptions): Promise<SquashImageResult> {
  return squash(
    options,
    (image) => findLayer(layersOf(image), options.from, options.image),
    'layerhook squash',
  );
}

function layersOf({ manifest, config }: ResolvedImage): LayerDigests[] {
  return manifest.layers.map(({ digest }, at) => ({ digest, diffID: config.rootfs.diff_ids[at]! }));
}

async function squash(
  options: FlattenImageOptions,
  fromOf: (image: ResolvedImage) => number,
  createdBy: string,
): Promise<SquashImageResult> {
  const { path, tag: source } = parseImageReference(options.image);
  const { tag = source, signal } = options;
  const layout = openLayout(path, { signal, maxJson: options.maxJson, limits: options.limits });
  try {
    const image = resolveReference(layout, source, platformChoice(options));
    checkTag(layout.readIndex(), tag);
    const mutation = new ImageMutation(layout, image);
    const from = fromOf(image);
    const { descriptor, diffID } = await writeSquashed(layout, image, from, options);
    const defaults = { createdBy, author: image.config.author };
    const history = historyEntry(options.history, options.sourceDateEpoch, defaults);
    const layer = { descriptor, diffID, ...(history && { history }) };
    mutation.setLayers(squashLayers(image, from, layer));
    await checkpoint(signal);
    const manifest = (await mutation.commit(tag)).at(-1)!;
    return { manifest, tag, layer: descriptor, diffID, squashed: image.manifest.layers.length - from };
  } finally {
    await layout.close();
  }
}

async function writeSquashed(
  layout: Layout,
  image: ResolvedImage,
  from: number,
  { compress = 'auto', sourceDateEpoch, maxHoles, signal }: FlattenImageOptions,
): Promise<WrittenLayer> {
  const { tree, kept } = await readTrees(layerSources(layout, image), from, signal);
  const holes = holeBudget(maxHoles ?? layout.limits.holes);
  // the second reading has a budget of its own
  const sources = layerSources(layout, image);
  const tar = generateMerged({ sources, tree, kept, sourceDateEpoch, holes, signal });
  return writeLayer(layout, tar, await chooseCompression(compress, image.manifest), { signal });
}

async function readTrees(
  sources: readonly LayerSource[],
  from: number,
  signal: AbortSignal | undefined,
): Promise<Pick<MergedTarOptions, 'tree' | 'kept'>> {
  if (from === 0) return { tree: await readMergedTree(sources, { signal }) };
  const { tree, kept } = await readTreeAndKept(sources, from, { signal });
  return { tree, kept: { count: from, tree: kept } };
}
