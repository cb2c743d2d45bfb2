import { isAbsolute, join } from 'node:path';
import { LayerhookError } from 'layerhook';
import type { Durability } from 'layerhook/store';

/** What the driver's factory takes; a bundle remembers it. */
export interface BtrfsOptions {
  /** directory of the driver's subvolumes, `btrfs` in the store */
  root: string;
  /** `boot` and `sync` are one here: a layer is on disk when it gets its name; `none`: soon after */
  durability: Durability;
}

const durabilities: readonly unknown[] = ['boot', 'sync', 'none'];

/** @throws LayerhookError DRIVER_OPTION */
export function readOptions(options: Record<string, unknown>): BtrfsOptions {
  const { store, durability = 'boot', ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(unknown, 'is not known; there are store and durability');
  if (typeof store !== 'string' || !isAbsolute(store)) throw invalid('store', 'is no absolute path');
  if (!durabilities.includes(durability)) throw invalid('durability', 'is none of boot, sync and none');
  return { root: join(store, 'btrfs'), durability: durability as Durability };
}

function invalid(option: string, reason: string): LayerhookError {
  return new LayerhookError('DRIVER_OPTION', { driver: 'btrfs', option, reason });
}
