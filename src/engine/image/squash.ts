import { findLayer, type LayerDigests } from '../../image/find-layer.js';
import { historyEntry } from '../../image/history.js';
import type { Layout } from '../../image/layout.js';
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
import { type EditImageOptions, editImage } from '../edit-image.js';
import type { NewLayerOptions } from '../image-options.js';

export interface FlattenImageOptions extends EditImageOptions, NewLayerOptions {
  /** bytes of holes in sparse files that may be written into the layer as zeros; default 64 GiB */
  maxHoles?: number | undefined;
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

function squash(
  options: FlattenImageOptions,
  fromOf: (image: ResolvedImage) => number,
  createdBy: string,
): Promise<SquashImageResult> {
  return editImage(options, async ({ layout, image, mutation, tag }) => {
    const from = fromOf(image);
    const { descriptor, diffID } = await writeSquashed(layout, image, from, options);
    const defaults = { createdBy, author: image.config.author };
    const history = historyEntry(options.history, options.sourceDateEpoch, defaults);
    const layer = { descriptor, diffID, ...(history && { history }) };
    mutation.setLayers(squashLayers(image, from, layer));
    await checkpoint(options.signal);
    const manifest = (await mutation.commit(tag)).at(-1)!;
    return { manifest, tag, layer: descriptor, diffID, squashed: image.manifest.layers.length - from };
  });
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
