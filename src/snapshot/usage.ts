import { walk } from '../layer/walk/index.js';
import type { Usage } from './types.js';

/** bytes of a block of st_blocks, whatever the filesystem's are; stat(2) */
const BLOCK = 512;

/**
 * What the tree at `root` takes, itself included; a file with several names is counted once.
 *
 * @throws LayerhookError SYSTEM
 */
export function usageOf(root: string): Usage {
  const usage: Usage = { size: 0, inodes: 0 };
  const seen = new Set<bigint>();
  walk(root, (_path, stat) => {
    if (stat.nlink > 1 && !stat.isDirectory) {
      if (seen.has(stat.ino)) return;
      seen.add(stat.ino);
    }
    usage.size += stat.blocks * BLOCK;
    usage.inodes += 1;
  });
  return usage;
}
