import type { Limits } from '../errors/index.js';
import { type FindOptions, findHooksFile } from './find.js';
import type { LoadedConfig } from './types.js';

export type { LoadedConfig } from './types.js';

/**
 * Finds hooks.toml, checks all of it, and loads its modules. The code that reads the file is loaded only if the file exists.
 *
 * @param options `limits`: come before those of the file
 * @returns null if no file was named and none is in the places where it is looked for
 * @throws CONFIG_UNREADABLE; CONFIG_INVALID with file, line, and what would be right
 */
export async function loadHooks(
  options: FindOptions & { limits?: Limits | undefined },
): Promise<LoadedConfig | null> {
  const file = findHooksFile(options);
  if (file === null) return null;
  const { readHooks } = await import('./read.js');
  return readHooks(file, options.limits);
}
