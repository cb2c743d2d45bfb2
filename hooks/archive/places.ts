import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

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

/** Returns the ID of this process's user outside of the user namespace; user_namespaces(7). */
function outerUser(): number {
  const own = process.geteuid!();
  try {
    for (const line of readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n')) {
      const [inside = 0, outside = 0, size = 0] = line.trim().split(/\s+/).map(Number);
      if (own >= inside && own < inside + size) return outside + own - inside;
    }
  } catch {
    // no /proc
  }
  return own;
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
