import { LayerhookError } from '../../errors/index.js';
import { UsageCounter } from '../../layer/count-usage.js';
import { walk } from '../../layer/walk/index.js';
import { showBytes } from '../../system/bytes.js';
import { exists } from '../../system/exists.js';
import type { Usage } from '../types.js';

/**
 * Returns the usage of the tree at `root`, including `root` itself. A file with several names counts once.
 *
 * @throws LayerhookError SYSTEM
 */
export function usageOf(root: string): Usage {
  const counter = new UsageCounter();
  walk(root, (_path, stat) => counter.add(stat), { anyDepth: true });
  return counter.usage;
}

/** As {@link usageOf}; null if `root` is missing. */
export function usageIfThere(root: string): Usage | null {
  try {
    return usageOf(root);
  } catch (error) {
    // another process removed it, or the directory is damaged
    if (!exists(root)) return null;
    throw error;
  }
}

/**
 * As {@link usageOf}, for a tree that will become a layer.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT if it contains whiteouts in the form of tars (`.wh.`); SYSTEM
 */
export function usageOfLayer(root: string): Usage {
  const counter = new UsageCounter();
  walk(root, (path, stat, _, name) => {
    if (name.startsWith('.wh.')) {
      const reason = `${showBytes(path)} is a whiteout in the form of tars, not of overlayfs`;
      throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: `the layer in ${root}`, reason });
    }
    counter.add(stat);
  });
  return counter.usage;
}
