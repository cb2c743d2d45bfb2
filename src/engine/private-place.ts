import { closeSync, openSync, readdirSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';

/** How the private directories beside `path` begin that become it, or were it. */
export function privatePrefix(path: string): string {
  return `.${basename(path)}.layerhook-`;
}

/**
 * Removes what killed processes left in `parent`: directories whose names begin with `prefix` and that nobody holds a lock
 * on. What cannot be removed stays for the next time.
 */
export async function sweep(parent: string, prefix: string): Promise<void> {
  const found = readdirSync(parent).filter((name) => name.startsWith(prefix));
  for (const name of found) {
    const path = join(parent, name);
    const fd = await lockDirectory(path);
    if (fd === null) continue;
    try {
      await removePrivate(path);
    } catch {
      // it is in nobody's way
    } finally {
      closeSync(fd);
    }
  }
}

/** Locks a directory as one that is worked on, until the descriptor is closed; null if another has it, or it is gone. */
export async function lockDirectory(path: string): Promise<number | null> {
  const { flock } = await import('../system/lock.js');
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return null;
  }
  if (flock(fd, 'exclusive', { wait: false })) return fd;
  closeSync(fd);
  return null;
}

/** Removes a directory that nobody but us uses, with all below it. What is mounted there is taken away, never emptied. */
export async function removePrivate(path: string): Promise<void> {
  const { removeTree } = await import('../system/remove.js');
  try {
    removeTree(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    const { unmountTree } = await import('../snapshot/mount.js');
    await unmountTree(realpathSync(path));
    removeTree(path);
  }
}
