import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Why other users can change a file, and what would be right instead. */
export interface Distrust {
  reason: string;
  expected: string;
}

/**
 * Checks that only root and this user can change what `path` leads to: the file, each directory above it and each
 * symlink on the way. Other users with write access could make this user run their code.
 *
 * @param path absolute, existing
 * @returns undefined if it is safe; otherwise the problem and the remedy
 */
export function findDistrust(path: string): Distrust | undefined {
  let links = 0;
  let found = check('/');
  let at = '/';
  const rest = path.split('/').filter(Boolean);
  while (found === undefined && rest.length > 0) {
    const name = rest.shift() as string;
    const next = name === '..' ? dirname(at) : join(at, name);
    found = check(next);
    if (lstatSync(next).isSymbolicLink()) {
      if (++links > 40)
        return { reason: `${path} has too many symlinks`, expected: 'give the path of the file' };
      const target = resolve(at, readlinkSync(next));
      rest.unshift(...target.split('/').filter(Boolean));
      at = '/';
    } else at = next;
  }
  return found;
}

function check(path: string): Distrust | undefined {
  return distrustOf(path, lstatSync(path));
}

/**
 * Checks that only root and this user may write a file. Does not check the directory above it, whose permissions
 * decide if another user can replace the file.
 *
 * @param stat of `path`
 * @returns undefined if it is safe; otherwise the problem and the remedy
 */
export function distrustOf(path: string, stat: Stats): Distrust | undefined {
  if (stat.uid !== 0 && stat.uid !== process.geteuid?.()) {
    return {
      reason: `${path} belongs to another user (uid ${stat.uid})`,
      expected: `it must belong to root or to you: chown ${path}`,
    };
  }
  if (stat.isSymbolicLink() || !othersMayWrite(stat)) return undefined;
  return { reason: `others may write ${path}`, expected: `only its owner may: chmod go-w ${path}` };
}

/** In a sticky directory, such as /tmp, users can replace only their own files. */
function othersMayWrite(stat: Stats): boolean {
  const isSticky = stat.isDirectory() && (stat.mode & 0o1000) !== 0;
  return (stat.mode & 0o022) !== 0 && !isSticky;
}
