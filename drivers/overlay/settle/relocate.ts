import type { ByteString } from 'layerhook/driver';
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

/** Moves all that is in a directory of the layer into another one of it. */
function merge(settler: Settler, from: ByteString, to: ByteString): void {
  const { upper } = settler;
  if (upper.isOpaque(from)) upper.markOpaque(to);
  for (const name of upper.list(from)) mergeOne(settler, childOf(from, name), childOf(to, name));
  settler.names.move(from, to);
  upper.removeEmpty(from);
}

/** Where the layer has something at both paths, what it has under its own name stays. */
function mergeOne(settler: Settler, from: ByteString, to: ByteString): void {
  const { upper } = settler;
  const [moved, there] = [upper.kindOf(from), upper.kindOf(to)];
  if (there === 'none') move(settler, from, to);
  else if (there === 'whiteout') {
    upper.remove(to);
    move(settler, from, to);
    if (moved === 'directory') replaceLower(settler, to);
  } else if (there === 'directory' && moved === 'directory') mergeDirectories(settler, from, to);
  else {
    upper.remove(from);
    if (there === 'directory' && moved === 'whiteout') replaceLower(settler, to);
  }
}

function move({ upper, names }: Settler, from: ByteString, to: ByteString): void {
  upper.rename(from, to);
  names.move(from, to);
}

function mergeDirectories(settler: Settler, from: ByteString, to: ByteString): void {
  const { upper, implicit } = settler;
  if (implicit.has(to) && !implicit.has(from)) {
    settler.settleDirectory(to);
    upper.describeAs(to, upper.pathOf(from));
  }
  merge(settler, from, to);
}

/** Makes a directory another one than those of the same path in the layers below. */
function replaceLower(settler: Settler, path: ByteString): void {
  const { upper, implicit } = settler;
  upper.markOpaque(path);
  if (!implicit.has(path)) return;
  settler.forget(path);
  upper.describeAsImplicit(path);
}
