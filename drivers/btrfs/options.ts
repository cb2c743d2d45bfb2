import { isAbsolute, join } from 'node:path';
import { LayerhookError } from 'layerhook';
import type { Durability } from 'layerhook/store';

/** Options of the driver's factory, recorded in the bundle. */
export interface BtrfsOptions {
  /** directory of the driver's subvolumes, `btrfs` in the store */
  root: string;
  /** `boot` and `sync` mean the same here: a layer is on disk before it gets its name; `none`: soon after */
  durability: Durability;
}

const durabilities: readonly unknown[] = ['boot', 'sync', 'none'];

/** @throws LayerhookError DRIVER_OPTION */
export function readOptions(options: Record<string, unknown>): BtrfsOptions {
  const { store, durability = 'boot', ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(unknown, 'is unknown; the options are store and durability');
  if (typeof store !== 'string' || !isAbsolute(store)) throw invalid('store', 'is not an absolute path');
  if (!durabilities.includes(durability)) throw invalid('durability', 'is not boot, sync or none');
  return { root: join(store, 'btrfs'), durability: durability as Durability };
}

function invalid(option: string, reason: string): LayerhookError {
  return new LayerhookError('DRIVER_OPTION', { driver: 'btrfs', option, reason });
}
