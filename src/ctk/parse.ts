import { parseToml, type TomlTable } from '../text/toml-edit.js';
import { configError } from './error.js';

/** Returns the values of a TOML configuration. @throws LayerhookError CTK_CONFIG, without a file */
export function parse(text: string): TomlTable {
  return parseToml(text, (reason) => configError('', reason));
}

/** Returns a string that is not empty, else undefined. */
export function asString(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
