import { didYouMean } from '../text/nearest.js';
import type { TomlFile } from '../text/toml.js';
import type { KeyPath } from '../text/toml-positions.js';

export type Table = Record<string, unknown>;

/** @throws CONFIG_INVALID for a key that is not one of `known` */
export function checkKeys(toml: TomlFile, path: KeyPath, table: Table, known: string[]): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    const reason = `unknown key ${key}${didYouMean(key, known)}`;
    throw toml.invalid([...path, key], reason, `the keys here are ${known.join(', ')}`);
  }
}
