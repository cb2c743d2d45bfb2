import type { Base } from './delta.js';
import { type SubvolumeInfo, subvolumeInfo } from './subvolume.js';

/** Longer than a step of the clock for file times: a change may get the same time as the creation of the snapshot. */
export const clockStep = 20_000_000n;

/**
 * Returns the base of a rootfs: the subvolume of its image's top layer. The rootfs need not be a snapshot of it: a
 * refreshed bundle keeps its rootfs while its image gets another layer. Both then diverged from the lower layer whose
 * snapshot the rootfs is.
 *
 * @param layers paths of the subvolumes of the image's layers, lowest first
 * @returns undefined if the rootfs is not a snapshot of any of these subvolumes, or one of them is missing
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
      const diverged = above === undefined || upper.created < above.created ? upper.created : above.created;
      return {
        lower,
        generations: { upper: upper.generation, lower: above?.generation ?? null },
        unchangedBefore: diverged - clockStep,
      };
    }
    above = layer;
  }
  return undefined;
}
