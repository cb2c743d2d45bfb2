import type { LayerSource } from '../types.js';
import { Merger } from './merge.js';
import { type ReadTreeOptions, readMergedTree } from './read.js';
import { MergedTree } from './tree.js';

/** The tree of an image, and the one of its lowest layers. A file has the same inode number in both. */
export interface TreeAndKept {
  tree: MergedTree;
  kept: MergedTree;
}

/**
 * Reads the layers of an image, as {@link readMergedTree} does, into a tree of all layers and one of the lowest layers. Each
 * layer is decompressed once.
 *
 * @param count number of layers in the lower tree
 * @throws LayerhookError as readMergedTree
 */
export async function readTreeAndKept(
  sources: readonly LayerSource[],
  count: number,
  { signal }: Pick<ReadTreeOptions, 'signal'>,
): Promise<TreeAndKept> {
  const kept = new MergedTree();
  const merger = new Merger(kept);
  let current: number | null = null;
  const begin = (layer: number | null) => {
    if (layer === current) return;
    if (current !== null) merger.end();
    current = layer;
    // the tree of all layers counts what the entries cost
    if (layer !== null) merger.begin(layer, sources[layer]!.digest, null);
  };
  const tree = await readMergedTree(sources, {
    signal,
    onEntry(layer, entry) {
      begin(layer < count ? layer : null);
      if (layer < count) merger.add(entry, null);
    },
  });
  begin(null);
  return { tree, kept };
}
