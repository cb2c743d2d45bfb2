import { formatCounted } from '../text/counted.js';
import { padHistory } from './history.js';
import { ociMediaType } from './media-types.js';
import type { LayerStack } from './mutate.js';
import type { History, ImageConfig, ResolvedImage } from './types.js';

type Stacked = Pick<ResolvedImage, 'manifest' | 'config'>;

/**
 * Returns why an image is not based on another one; undefined if the image begins with the layers of the base. Layers are
 * the same if their diffIDs are, because programs that build images compress the layers of a base again.
 */
export function baseMismatch(image: Stacked, base: Stacked): string | undefined {
  const above = image.config.rootfs.diff_ids;
  const below = base.config.rootfs.diff_ids;
  if (below.length > above.length)
    return `the image has ${formatCounted(above.length, 'layers')}, and the old base has ${below.length}`;
  const at = below.findIndex((diffID, layer) => above[layer] !== diffID);
  return at === -1 ? undefined : `layer ${at} of the image is not layer ${at} of the old base`;
}

/**
 * Returns the layers and the history of an image on a new base, as go-containerregistry's mutate.Rebase composes them: those
 * of the new base, next those that the image has above the old base.
 *
 * @param oldBase must match; see {@link baseMismatch}
 */
export function rebaseLayers(image: Stacked, oldBase: Stacked, newBase: Stacked): LayerStack {
  const count = oldBase.manifest.layers.length;
  const ofBase = newBase.manifest.layers.map((layer) => ({
    ...layer,
    mediaType: ociMediaType(layer.mediaType),
  }));
  const ownHistory = historyAbove(image, count, oldBase.config.history?.length ?? 0);
  const history = [...padHistory(newBase), ...ownHistory];
  const hasHistory = history.some((entry) => Object.keys(entry).length > 0);
  return {
    layers: [...ofBase, ...image.manifest.layers.slice(count)],
    diffIDs: [...newBase.config.rootfs.diff_ids, ...image.config.rootfs.diff_ids.slice(count)],
    history: hasHistory ? history : undefined,
  };
}

const platformFields = ['architecture', 'os', 'os.version', 'os.features', 'variant'] as const;

/** Returns the config with the platform of another one. Fields that stay keep their positions. */
export function withPlatformOf(config: ImageConfig, base: ImageConfig): ImageConfig {
  const changed = { ...config };
  for (const field of platformFields) {
    if (base[field] === undefined) delete changed[field];
    else Object.assign(changed, { [field]: base[field] });
  }
  return changed;
}

/**
 * Returns the history entries of the layers above a base, and of the changes without a layer after the base.
 *
 * @param layers number of layers of the base
 * @param entries number of history entries of the base
 */
function historyAbove(image: Stacked, layers: number, entries: number): History[] {
  let layer = 0;
  return padHistory(image).filter((entry, at) => {
    if (entry.empty_layer) return at >= entries || layer > layers;
    layer += 1;
    return layer > layers;
  });
}
