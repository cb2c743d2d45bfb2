import { isAbsolute } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import type { Durability } from '../store/types.js';
import { durabilities } from './check-store.js';

/** Options of a driver that keeps layers in a store. A bundle records them. */
export interface DriverOptions {
  /** directory of the layer store, absolute */
  store: string;
  /** when the store trusts a committed layer; default `boot` */
  durability?: Durability;
}

/** Checks the options that a driver's factory got. @throws LayerhookError DRIVER_OPTION */
export function readDriverOptions(driver: string, options: Record<string, unknown>): DriverOptions {
  const { store, durability, ...others } = options;
  const invalid = (option: string, reason: string) =>
    new LayerhookError('DRIVER_OPTION', { driver, option, reason });
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(unknown, 'is unknown; the options are store and durability');
  if (typeof store !== 'string' || !isAbsolute(store)) throw invalid('store', 'must be an absolute path');
  if (durability === undefined) return { store };
  if (!durabilities.includes(durability)) throw invalid('durability', 'must be boot, sync or none');
  return { store, durability: durability as Durability };
}
