import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { outerUser } from 'layerhook/system';

/**
 * Returns the directory for records, unless `--state-dir` names one. A hook of a rootless engine runs as root of a user
 * namespace, with an empty environment: the home directory is that of the user outside.
 */
export function defaultStateDir(): string {
  const user = outerUser();
  if (user === 0) return '/var/lib/layerhook/archives';
  const data = process.env.XDG_DATA_HOME;
  const base = data !== undefined && isAbsolute(data) ? data : join(homeOf(user), '.local/share');
  return join(base, 'layerhook/archives');
}

/** Sets `HOME` if it is missing, so that hooks.toml is found in the user's home directory. */
export function setHome(): void {
  process.env.HOME ||= homeOf(outerUser());
}

function homeOf(user: number): string {
  if (process.env.HOME) return process.env.HOME;
  try {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
    const home = lines.map((line) => line.split(':')).find((row) => row[2] === String(user))?.[5];
    if (home) return home;
  } catch {
    // no user database in a file
  }
  return homedir();
}
