import { padHistory } from './history.js';
import type { LayerStack, NewLayer } from './mutate.js';
import type { History, ResolvedImage } from './types.js';

/**
 * Returns the layers and the history of an image after all layers from one on became one. The history keeps the entries of
 * the squashed layers as changes without a layer, as docker's squash does.
 *
 * @param from index of the lowest squashed layer
 * @param layer without a history entry, it gets the one of the highest squashed layer
 */
export function squashLayers(image: ResolvedImage, from: number, layer: NewLayer): LayerStack {
  const { manifest, config } = image;
  const last = layer.history === undefined ? manifest.layers.length - 1 : Number.POSITIVE_INFINITY;
  const kept = emptied(padHistory(image), from, last);
  return {
    layers: [...manifest.layers.slice(0, from), layer.descriptor],
    diffIDs: [...config.rootfs.diff_ids.slice(0, from), layer.diffID],
    history: layer.history === undefined ? kept : [...kept, layer.history],
  };
}

/** Marks the entries of layers from `from` up to the one before `to`. */
function emptied(history: readonly History[], from: number, to: number): History[] {
  let layer = 0;
  return history.map((entry) => {
    if (entry.empty_layer) return entry;
    const index = layer++;
    return index >= from && index < to ? { ...entry, empty_layer: true } : entry;
  });
}
