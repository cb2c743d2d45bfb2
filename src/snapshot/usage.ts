import { UsageCounter } from '../layer/count-usage.js';
import { walk } from '../layer/walk/index.js';
import type { Usage } from './types.js';

/**
 * What the tree at `root` takes, itself included; a file with several names is counted once.
 *
 * @throws LayerhookError SYSTEM
 */
export function usageOf(root: string): Usage {
  const counter = new UsageCounter();
  walk(root, (_path, stat) => counter.add(stat));
  return counter.usage;
}
