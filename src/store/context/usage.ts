import { existsSync } from 'node:fs';
import { LayerhookError } from '../../errors/index.js';
import { UsageCounter } from '../../layer/count-usage.js';
import { walk } from '../../layer/walk/index.js';
import { showBytes } from '../../system/bytes.js';
import type { Usage } from '../types.js';

/**
 * What the tree at `root` takes, itself included; a file with several names is counted once.
 *
 * @throws LayerhookError SYSTEM
 */
export function usageOf(root: string): Usage {
  const counter = new UsageCounter();
  walk(root, (_path, stat) => counter.add(stat), { anyDepth: true });
  return counter.usage;
}

/** As {@link usageOf}, null if there is nothing. */
export function usageIfThere(root: string): Usage | null {
  try {
    return usageOf(root);
  } catch (error) {
    // removed meanwhile, or lost
    if (!existsSync(root)) return null;
    throw error;
  }
}

/**
 * As {@link usageOf}, for what is to be a layer.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT if it has whiteouts as tars have them; SYSTEM
 */
export function usageOfLayer(root: string): Usage {
  const counter = new UsageCounter();
  walk(root, (path, stat, _, name) => {
    if (name.startsWith('.wh.')) {
      const reason = `${showBytes(path)} is no whiteout of overlayfs`;
      throw new LayerhookError('SNAPSHOT_ARGUMENT', { what: `the layer in ${root}`, reason });
    }
    counter.add(stat);
  });
  return counter.usage;
}
