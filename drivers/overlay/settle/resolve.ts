import type { ByteString } from 'layerhook';
import { AT_FDCWD, readlinkat } from 'layerhook/system';
import { BadEntry } from './entry-error.js';
import { childOf, componentsReversed, parentOf } from './paths.js';
import type { Settler } from './settle.js';

/** As many as path_resolution(7) allows. */
const maxSymlinks = 40;

/**
 * The directory that a path leads to, in the layer and those below as one tree: symlinks are followed as if its root were
 * `/`, and the directories on the way are settled.
 *
 * @param from the directory that the path is relative to
 * @param options `make`: the directories are made in the layer, also those that are nowhere yet; `own`: symlinks of the
 *   layer itself are followed too
 * @returns its path without symlinks; null if there is no such directory, and none is to be made
 * @throws BadEntry for a loop on the way to what is to be made, SystemError
 */
export function resolveDirectory(
  settler: Settler,
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
    if (links > maxSymlinks || settler.isSettling(next)) {
      if (!make) return null;
      throw new BadEntry(next, 'is below a loop of symlinks');
    }
    const link = linkAt(settler, next, own);
    if (link !== null) {
      links++;
      if (link.startsWith('/')) at = '.';
      todo.push(...componentsReversed(link));
    } else if (enter(settler, next, make)) at = next;
    else return null;
  }
  return at;
}

/** Where a symlink leads, of the layer or of those below; null for all else. */
function linkAt(settler: Settler, path: ByteString, own: boolean): ByteString | null {
  settler.settleDirectory(path);
  const kind = settler.upper.kindOf(path);
  if (kind === 'symlink' && own) return settler.upper.readlink(path);
  if (kind !== 'none') return null;
  const lower = settler.below(path);
  return lower.kind === 'symlink' ? readlinkat(AT_FDCWD, lower.path) : null;
}

/** @returns whether there is a directory, now */
function enter(settler: Settler, path: ByteString, make: boolean): boolean {
  const { upper } = settler;
  const kind = upper.kindOf(path);
  if (kind === 'directory') return true;
  const lower = kind === 'none' ? settler.below(path) : null;
  const isBelow = lower?.kind === 'directory';
  if (!make) return isBelow;
  if (kind !== 'none') upper.remove(path);
  upper.makeDirectory(path, isBelow ? lower.path : null);
  // what the layer had there has hidden all that is below
  if (kind !== 'none') upper.markOpaque(path);
  return true;
}
