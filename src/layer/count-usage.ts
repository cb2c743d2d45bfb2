import { type StatBuffer, statBlockBytes } from '../system/stat.js';
import type { Usage } from './types.js';

/** Adds up the disk usage of files of one filesystem; counts a file with several names once. */
export class UsageCounter {
  readonly usage: Usage = { size: 0, inodes: 0 };
  readonly #seen = new Set<bigint>();

  add(stat: Pick<StatBuffer, 'nlink' | 'isDirectory' | 'ino' | 'blocks'>): void {
    if (stat.nlink > 1 && !stat.isDirectory) {
      if (this.#seen.has(stat.ino)) return;
      this.#seen.add(stat.ino);
    }
    this.usage.size += stat.blocks * statBlockBytes;
    this.usage.inodes += 1;
  }
}
