import type { ByteString } from 'layerhook';
import { AT_FDCWD, readlinkat } from 'layerhook/system';
import { childOf, parentOf } from './paths.js';
import { resolveDirectory } from './resolve.js';
import type { Settler } from './settle.js';

/**
 * Moves what the layer has below a path to where a symlink of the layers below leads from there, as if the layer had
 * been extracted on top of them.
 *
 * @param path of an implicit directory
 * @param link path of the symlink in the place of it, absolute
 */
export function relocate(settler: Settler, path: ByteString, link: ByteString): void {
  const { upper } = settler;
  const target = readlinkat(AT_FDCWD, link);
  const follow = (options: { make: boolean; own: boolean }) =>
    resolveDirectory(settler, parentOf(path), target, options);
  // what only hides makes nothing, and is about the layers below only
  if (settler.isHiding(path) && follow({ make: false, own: false }) === null) upper.remove(path);
  else merge(settler, path, follow({ make: true, own: true })!);
}

/** A directory of the layer that is being moved into another one of it. */
interface Merge {
  from: ByteString;
  to: ByteString;
  /** still to be moved, the last one first */
  names: ByteString[];
}

/** Moves all that is in a directory of the layer into another one of it; an image chooses the depth. */
function merge(settler: Settler, from: ByteString, to: ByteString): void {
  const levels = [begin(settler, from, to)];
  for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
    const name = level.names.pop();
    if (name === undefined) {
      levels.pop();
      settler.names.move(level.from, level.to);
      settler.upper.removeEmpty(level.from);
      continue;
    }
    const [below, target] = [childOf(level.from, name), childOf(level.to, name)];
    if (mergeOne(settler, below, target)) levels.push(begin(settler, below, target));
  }
}

function begin({ upper }: Settler, from: ByteString, to: ByteString): Merge {
  if (upper.isOpaque(from)) upper.markOpaque(to);
  return { from, to, names: [...upper.list(from)].reverse() };
}

/**
 * Where the layer has something at both paths, what it has under its own name stays.
 *
 * @returns true for two directories that are still to be merged
 */
function mergeOne(settler: Settler, from: ByteString, to: ByteString): boolean {
  const { upper } = settler;
  const [moved, there] = [upper.kindOf(from), upper.kindOf(to)];
  if (there === 'directory' && moved === 'directory') {
    describeMerged(settler, from, to);
    return true;
  }
  if (there === 'none') move(settler, from, to);
  else if (there === 'whiteout') {
    upper.remove(to);
    move(settler, from, to);
    if (moved === 'directory') replaceLower(settler, to);
  } else {
    upper.remove(from);
    if (there === 'directory' && moved === 'whiteout') replaceLower(settler, to);
  }
  return false;
}

function move({ upper, names }: Settler, from: ByteString, to: ByteString): void {
  upper.rename(from, to);
  names.move(from, to);
}

function describeMerged(settler: Settler, from: ByteString, to: ByteString): void {
  const { upper, implicit } = settler;
  if (!implicit.has(to) || implicit.has(from)) return;
  settler.settleDirectory(to);
  upper.describeAs(to, upper.pathOf(from));
}

/** Makes a directory another one than those of the same path in the layers below. */
function replaceLower(settler: Settler, path: ByteString): void {
  const { upper, implicit } = settler;
  upper.markOpaque(path);
  if (!implicit.has(path)) return;
  settler.forget(path);
  upper.describeAsImplicit(path);
}
