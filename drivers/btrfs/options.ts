import { isAbsolute, join } from 'node:path';
import { LayerhookError } from 'layerhook/driver';

/** @returns directory of the driver's subvolumes. @throws LayerhookError DRIVER_OPTION */
export function storeOf(options: Record<string, unknown>): string {
  const { store, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw invalid(unknown, 'is not known; there is store');
  if (typeof store !== 'string' || !isAbsolute(store)) throw invalid('store', 'is no absolute path');
  return join(store, 'btrfs');
}

function invalid(option: string, reason: string): LayerhookError {
  return new LayerhookError('DRIVER_OPTION', { driver: 'btrfs', option, reason });
}
