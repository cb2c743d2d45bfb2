import type { Base } from './delta.js';
import { type SubvolumeInfo, subvolumeInfo } from './subvolume.js';

/** Longer than a step of the clock that stamps files: a change in a snapshot may get the time of its making. */
const clockStep = 20_000_000n;

/**
 * What a rootfs is to be compared with: the subvolume of its image's top layer. They need not be directly related,
 * since a refreshed bundle keeps its rootfs while its image gets another layer: then both went their own way from
 * the layer below of which the rootfs is a snapshot.
 *
 * @param layers paths of the subvolumes of the image's layers, lowest first
 * @returns undefined if the rootfs is no snapshot of any of these subvolumes, or one of them is not there any more
 */
export function baseOf(rootfs: string, layers: string[]): Base | undefined {
  const upper = subvolumeInfo(rootfs);
  const lower = layers.at(-1);
  if (upper === undefined || lower === undefined) return undefined;
  let above: SubvolumeInfo | undefined;
  for (const path of layers.toReversed()) {
    const layer = subvolumeInfo(path);
    if (layer === undefined || (above && above.parentUuid !== layer.uuid)) return undefined;
    if (upper.parentUuid === layer.uuid) {
      const parted = above === undefined || upper.created < above.created ? upper.created : above.created;
      return {
        lower,
        generations: { upper: upper.generation, lower: above?.generation ?? null },
        settled: parted - clockStep,
      };
    }
    above = layer;
  }
  return undefined;
}
