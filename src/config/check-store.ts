import { isAbsolute } from 'node:path';
import { show } from '../points/check-result.js';
import type { Durability } from '../store/types.js';
import { isObject } from '../text/is-object.js';
import type { TomlFile } from '../text/toml.js';
import { checkKeys } from './check-table.js';
import type { LoadedConfig } from './types.js';

const storeKeys = ['path', 'durability'];
export const durabilities: readonly unknown[] = ['boot', 'sync', 'none'] satisfies Durability[];

/**
 * `store = "DIR"`, or a table `[store]` with `path` and `durability`, both optional.
 *
 * @throws CONFIG_INVALID with line
 */
export function checkStore(toml: TomlFile): Pick<LoadedConfig, 'store' | 'durability'> {
  const { store } = toml.values;
  if (!isObject(store)) return { store: checkPath(toml, ['store'], store), durability: null };
  checkKeys(toml, ['store'], store, storeKeys);
  const { path, durability = null } = store;
  if (durability !== null && !durabilities.includes(durability)) {
    const reason = `durability is ${show(durability)}`;
    throw toml.invalid(['store', 'durability'], reason, 'durability is "boot", "sync" or "none"');
  }
  return { store: checkPath(toml, ['store', 'path'], path), durability: durability as Durability | null };
}

function checkPath(toml: TomlFile, at: string[], value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string' && isAbsolute(value) && !value.includes('\0')) return value;
  throw toml.invalid(at, `store is ${show(value)}`, 'store is the absolute path of a directory');
}
