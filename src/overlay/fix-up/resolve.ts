import { readlinkat } from '../../system/access.js';
import type { ByteString } from '../../system/bytes.js';
import { AT_FDCWD } from '../../system/files.js';
import { childOf, componentsReversed, parentOf } from '../../system/paths.js';
import { BadEntry } from './bad-entry.js';
import type { FixUp } from './context.js';

/** The limit of path_resolution(7). */
const maxSymlinks = 40;

/**
 * Resolves a path to a directory, in the layer and its lower layers as one tree. Symlinks are followed as if the root of
 * that tree were `/`, and the directories on the way are fixed up.
 *
 * @param from the directory to which the path is relative
 * @param options `make`: makes missing directories in the layer; `own`: follows symlinks of the layer itself too
 * @returns its path without symlinks; null if the directory is missing and `make` is false
 * @throws BadEntry for a loop of symlinks if `make` is true, SystemError
 */
export function resolveDirectory(
  fixUp: FixUp,
  from: ByteString,
  path: ByteString,
  { make, own }: { make: boolean; own: boolean },
): ByteString | null {
  const todo = componentsReversed(path);
  let at = path.startsWith('/') ? '.' : from;
  let links = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === '..') {
      at = parentOf(at);
      continue;
    }
    const next = childOf(at, name);
    if (links > maxSymlinks || fixUp.isUnderWay(next)) {
      if (!make) return null;
      throw new BadEntry(next, 'is below a loop of symlinks');
    }
    const link = linkAt(fixUp, next, own);
    if (link !== null) {
      links++;
      if (link.startsWith('/')) at = '.';
      todo.push(...componentsReversed(link));
    } else if (enter(fixUp, next, make)) at = next;
    else return null;
  }
  return at;
}

/** Returns the target of a symlink of the layer or of the lower layers; null for anything else. */
function linkAt(fixUp: FixUp, path: ByteString, own: boolean): ByteString | null {
  fixUp.fixUpDirectory(path);
  const kind = fixUp.upper.kindOf(path);
  if (kind === 'symlink' && own) return fixUp.upper.readlink(path);
  if (kind !== 'none') return null;
  const lower = fixUp.below(path);
  return lower?.stat.isSymlink ? readlinkat(AT_FDCWD, lower.path) : null;
}

/** @returns true if there is a directory now */
function enter(fixUp: FixUp, path: ByteString, make: boolean): boolean {
  const { upper } = fixUp;
  const kind = upper.kindOf(path);
  if (kind === 'directory') return true;
  const lower = kind === 'none' ? fixUp.below(path) : null;
  const directory = lower?.stat.isDirectory ? lower.path : null;
  if (!make) return directory !== null;
  if (kind !== 'none') upper.remove(path);
  upper.makeDirectory(path, directory);
  // the file that was there hid everything in the lower layers
  if (kind !== 'none') upper.markOpaque(path);
  return true;
}
