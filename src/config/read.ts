import type { Limits } from '../errors/index.js';
import type { HookSource } from '../points/dispatch.js';
import { readToml } from '../text/toml.js';
import { execHook } from './exec.js';
import { moduleHooks } from './module.js';
import { checkConfig } from './schema.js';
import type { HookEntry, LoadedConfig } from './types.js';

/**
 * Checks all of a hooks.toml, and loads its modules.
 *
 * @param given limits that come before those of the file
 * @throws CONFIG_UNREADABLE; CONFIG_INVALID with file, line, and what would be right
 */
export async function readHooks(file: string, given: Limits = {}): Promise<LoadedConfig> {
  const toml = await readToml(file);
  const checked = checkConfig(toml);
  const config = { ...checked, limits: { ...checked.limits, ...given } };
  const sources: HookSource[] = [];
  for (const [index, entry] of config.entries.entries()) {
    const { owner, key, onFailure, timeout } = entry;
    const hooks =
      entry.run.type === 'exec' ? execHooks(entry, config.limits) : await moduleHooks(toml, index, entry);
    sources.push({ owner, key, hooks, onFailure, timeout });
  }
  return { ...config, sources };
}

function execHooks({ points, run }: HookEntry, limits: Limits): HookSource['hooks'] {
  if (run.type !== 'exec') return {};
  return Object.fromEntries(points.map((point) => [point, execHook(run, point, limits)]));
}
