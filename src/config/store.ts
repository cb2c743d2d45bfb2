import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { StoreOptions } from '../store/types.js';
import type { LoadedConfig } from './types.js';

export interface ChooseStoreOptions {
  /** what `--store` gave; relative to the working directory */
  store?: string | undefined;
  config: LoadedConfig | null;
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * The layer store to use: `store`, `$LAYERHOOK_STORE`, hooks.toml's, else `/var/lib/layerhook` for root and
 * `$XDG_DATA_HOME/layerhook` (`~/.local/share/layerhook`) for others. When it trusts a layer is hooks.toml's word.
 *
 * @returns an absolute root
 */
export function chooseStore({ store, config, env }: ChooseStoreOptions): StoreOptions {
  const named = store ?? (env.LAYERHOOK_STORE || undefined);
  const root = named === undefined ? (config?.store ?? defaultStore(env)) : resolve(named);
  return { root, ...(config?.durability && { durability: config.durability }) };
}

function defaultStore(env: ChooseStoreOptions['env']): string {
  if (process.geteuid?.() === 0) return '/var/lib/layerhook';
  return join(dataDirectory(env), 'layerhook');
}

/** Returns the directory for data of the user: `$XDG_DATA_HOME`, else `~/.local/share`; XDG Base Directory Specification. */
export function dataDirectory(env: ChooseStoreOptions['env']): string {
  const xdg = env.XDG_DATA_HOME;
  // the specification says to ignore a relative one
  return xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), '.local/share');
}
