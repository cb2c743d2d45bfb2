import { readlinkat } from '../../system/access.js';
import type { ByteString } from '../../system/bytes.js';
import { AT_FDCWD } from '../../system/files.js';
import { childOf, parentOf } from '../../system/paths.js';
import type { FixUp } from './context.js';
import { resolveDirectory } from './resolve.js';

/**
 * Moves the content of an implicit directory to the target of the lower symlink in its place, where it would be if the
 * layer had been extracted on top of its lower layers.
 *
 * @param path of the implicit directory
 * @param link absolute path of the symlink
 */
export function relocate(fixUp: FixUp, path: ByteString, link: ByteString): void {
  const { upper } = fixUp;
  const target = readlinkat(AT_FDCWD, link);
  const follow = (options: { make: boolean; own: boolean }) =>
    resolveDirectory(fixUp, parentOf(path), target, options);
  // a directory that only hides makes nothing, and is about the lower layers only
  if (fixUp.isHiding(path) && follow({ make: false, own: false }) === null) upper.remove(path);
  else merge(fixUp, path, follow({ make: true, own: true })!);
}

/** A directory of the layer whose content moves to another one. */
interface Merge {
  from: ByteString;
  to: ByteString;
  /** names left to move, the next one last */
  names: ByteString[];
}

/** Moves the content of one directory of the layer into another. An image chooses the depth: the levels are on the heap. */
function merge(fixUp: FixUp, from: ByteString, to: ByteString): void {
  const levels = [begin(fixUp, from, to)];
  for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
    const name = level.names.pop();
    if (name === undefined) {
      levels.pop();
      fixUp.names.move(level.from, level.to);
      fixUp.upper.removeEmpty(level.from);
      continue;
    }
    const [source, target] = [childOf(level.from, name), childOf(level.to, name)];
    if (mergeOne(fixUp, source, target)) levels.push(begin(fixUp, source, target));
  }
}

function begin({ upper }: FixUp, from: ByteString, to: ByteString): Merge {
  if (upper.isOpaque(from)) upper.markOpaque(to);
  return { from, to, names: upper.list(from).reverse() };
}

/**
 * Moves one name. Where the layer has a file at both paths, the one that it lists at the target stays.
 *
 * @returns true for two directories, which the caller must merge
 */
function mergeOne(fixUp: FixUp, from: ByteString, to: ByteString): boolean {
  const { upper } = fixUp;
  const [moved, there] = [upper.kindOf(from), upper.kindOf(to)];
  if (there === 'directory' && moved === 'directory') {
    describeMerged(fixUp, from, to);
    return true;
  }
  if (there === 'none') move(fixUp, from, to);
  else if (there === 'whiteout') {
    upper.remove(to);
    move(fixUp, from, to);
    if (moved === 'directory') replaceLower(fixUp, to);
  } else {
    upper.remove(from);
    if (there === 'directory' && moved === 'whiteout') replaceLower(fixUp, to);
  }
  return false;
}

function move({ upper, names }: FixUp, from: ByteString, to: ByteString): void {
  upper.rename(from, to);
  names.move(from, to);
}

function describeMerged(fixUp: FixUp, from: ByteString, to: ByteString): void {
  const { upper, implicit } = fixUp;
  if (!implicit.has(to) || implicit.has(from)) return;
  fixUp.fixUpDirectory(to);
  upper.describeAs(to, upper.pathOf(from));
}

/** Makes a directory replace those of the same path in the lower layers. */
function replaceLower(fixUp: FixUp, path: ByteString): void {
  const { upper, implicit } = fixUp;
  upper.markOpaque(path);
  if (!implicit.has(path)) return;
  fixUp.forget(path);
  upper.describeAsImplicit(path);
}
