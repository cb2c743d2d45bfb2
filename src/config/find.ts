import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

export interface FindOptions {
  /** what `--hooks` gave; must exist */
  file?: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds the hooks.toml: `file`, else `$LAYERHOOK_HOOKS` (a file that is named so must exist), else
 * `$XDG_CONFIG_HOME/layerhook/hooks.toml` (default `~/.config`) or `/etc/layerhook/hooks.toml` if it exists.
 *
 * @returns an absolute path, or null if no file exists
 */
export function findHooksFile({ file, env }: FindOptions): string | null {
  const named = file ?? (env.LAYERHOOK_HOOKS || undefined);
  if (named !== undefined) return resolve(named);
  return standardPlaces(env).find(mayExist) ?? null;
}

/** Also true for what cannot be looked at: reading it then says so, instead of hooks silently missing. */
function mayExist(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

function standardPlaces(env: FindOptions['env']): string[] {
  const xdg = env.XDG_CONFIG_HOME;
  // the XDG specification says to ignore a relative one
  const config = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), '.config');
  return [join(config, 'layerhook/hooks.toml'), '/etc/layerhook/hooks.toml'];
}
