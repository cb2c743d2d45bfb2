import { LayerhookError } from '../../errors/index.js';
import { historyEntry } from '../../image/history.js';
import type { Layout } from '../../image/layout.js';
import { newImage } from '../../image/new.js';
import { checkTag, parseImageReference } from '../../image/references.js';
import type { Descriptor, Digest } from '../../image/types.js';
import { decompressed } from '../../layer/compression/decompressed.js';
import { chooseCompression, type WrittenLayer, writeLayer } from '../../layer/generate/write-layer.js';
import { readMergedTree } from '../../layer/merged/read.js';
import { showBytes } from '../../system/bytes.js';
import { checkpoint } from '../../system/steps.js';
import { untilAborted } from '../../system/until-aborted.js';
import { layerBudget } from '../../tar/budget.js';
import { type ImageOptions, type NewLayerOptions, platformChoice } from '../image-options.js';
import { checkedTar, withinLimit } from './checked-tar.js';
import { inTargetLayout } from './target-layout.js';

export interface ImportImageOptions extends Omit<ImageOptions, 'platform'>, NewLayerOptions {
  /** platform of the image, as `OS/ARCH[/VARIANT]` or as an object; default: that of this machine */
  platform?: ImageOptions['platform'];
  /** the bytes of a tar of a root filesystem, compressed or not; its uncompressed bytes become the layer */
  tar: AsyncIterable<Buffer>;
  /** names the tar in errors */
  name: string;
  signal?: AbortSignal | undefined;
}

export interface ImportImageResult {
  manifest: Descriptor;
  tag: string;
  layer: Descriptor;
  diffID: Digest;
}

/**
 * Makes an image of a tar of a root filesystem, and points the tag of `image` to it. The config of the image has only a
 * platform and a creation time. The tar is checked as a layer is when it is unpacked. A missing layout is created,
 * and removed again if the import fails.
 *
 * @throws LayerhookError LAYER_TAR if the bytes are not a tar, LIMIT_EXCEEDED, LAYER_PATH for a file whose name would be a whiteout, those of
 *   reading layers and of writing images
 */
export async function importImage(options: ImportImageOptions): Promise<ImportImageResult> {
  const { path, tag } = parseImageReference(options.image);
  const { tar, name, compress = 'auto', sourceDateEpoch, limits, signal } = options;
  const platform = platformChoice(options);
  return inTargetLayout(path, { signal, maxJson: options.maxJson, limits }, async (layout) => {
    checkTag(layout.readIndex(), tag);
    const read = withinLimit(untilAborted(tar, signal), `size of ${name}`, limits);
    const plain = checkedTar(decompressed(read, name), name, limits);
    const compression = await chooseCompression(compress, { layers: [] });
    const written = await writeLayer(layout, plain, compression, { signal });
    await checkLayer(layout, written, signal);
    const { descriptor, diffID } = written;
    const history = historyEntry(options.history, sourceDateEpoch, { createdBy: 'layerhook import' });
    const layer = { descriptor, diffID, ...(history && { history }) };
    const created = sourceDateEpoch === undefined ? new Date() : new Date(sourceDateEpoch * 1000);
    await checkpoint(signal);
    const manifest = await newImage(layout, tag, created, { ...platform, layer });
    return { manifest, tag, layer: descriptor, diffID };
  });
}

/** Reads the layer as an unpack does. In a root filesystem, a whiteout would be a file that the image loses. */
async function checkLayer(
  layout: Layout,
  { descriptor, diffID }: WrittenLayer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { digest, size, mediaType } = descriptor;
  const { limits } = layout;
  const place = layout.blobPlace(digest);
  const source = { ...place, digest, size, mediaType, diffID, budget: layerBudget(limits, size) };
  await readMergedTree([source], {
    signal,
    maxHoles: limits.holes,
    onEntry(_, { path, type }) {
      if (type !== 'whiteout' && type !== 'opaque') return;
      const reason = `the tar has a ${type === 'opaque' ? 'marker' : 'name'} there that begins with .wh., a deletion in a layer`;
      throw new LayerhookError('LAYER_PATH', { path: showBytes(path), reason });
    },
  });
}
