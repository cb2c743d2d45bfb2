import { isAbsolute } from 'node:path';
import { LayerhookError } from 'layerhook';
import type { Durability } from 'layerhook/store';

/** Options of the driver, which a bundle records. */
export interface OverlayOptions {
  /** directory of the layer store, absolute */
  store: string;
  /** when the store trusts a committed layer; default `boot` */
  durability?: Durability;
}

const durabilities: readonly unknown[] = ['boot', 'sync', 'none'];

/** @throws LayerhookError DRIVER_OPTION */
export function readOptions(options: Record<string, unknown>, driver = 'overlay'): OverlayOptions {
  const { store, durability, ...others } = options;
  const invalid = (option: string, reason: string) => invalidOption(driver, option, reason);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(unknown, 'unknown; the options are store and durability');
  if (typeof store !== 'string' || !isAbsolute(store)) throw invalid('store', 'must be an absolute path');
  if (durability === undefined) return { store };
  if (!durabilities.includes(durability)) throw invalid('durability', 'must be boot, sync or none');
  return { store, durability: durability as Durability };
}

export function invalidOption(driver: string, option: string, reason: string): LayerhookError {
  return new LayerhookError('DRIVER_OPTION', { driver, option, reason });
}
