import { type ByteString, showBytes, walk } from 'layerhook';
import { AT_FDCWD, StatBuffer, statAt } from 'layerhook/system';
import { BadEntry } from './entry-error.js';
import type { LowerFile } from './lower-layers.js';
import { baseOf, childOf, parentOf } from './paths.js';
import { resolveDirectory } from './resolve.js';
import type { Settler } from './settle.js';

interface Link {
  path: ByteString;
  target: ByteString;
}

/**
 * Makes the hardlinks to what only the layers below have: the file is copied into the layer under all its names, as
 * overlayfs itself does not, so that all of them stay one file.
 *
 * @throws BadEntry if there is no such file, or it is a directory
 */
export function makeLowerHardlinks(settler: Settler, links: readonly Link[]): void {
  let waiting = [...links];
  for (let before = -1; waiting.length !== before; ) {
    before = waiting.length;
    // one may be a link to another
    waiting = waiting.filter((link) => !tryLink(settler, link));
  }
  const [first] = waiting;
  if (first)
    throw new BadEntry(first.path, `is a hardlink to ${showBytes(first.target)}, which is not there`);
}

/** @returns false if there is nothing to link to */
function tryLink(settler: Settler, { path, target }: Link): boolean {
  const { upper } = settler;
  const name = settler.names.now(path);
  const found = find(settler, settler.names.now(target));
  if (found === null) return false;
  const kind = upper.kindOf(found);
  if (kind === 'directory') throw isDirectory(path);
  if (kind === 'symlink' || kind === 'other') {
    upper.link(found, name);
    return true;
  }
  const lower = settler.below(found);
  if (lower.kind === 'none') return false;
  if (lower.kind === 'directory') throw isDirectory(path);
  upper.copyFrom(lower.path, name);
  for (const other of namesOf(settler, found, lower)) {
    settler.makeDirectories(parentOf(other));
    upper.link(name, other);
  }
  return true;
}

/** The path of a file without symlinks on the way to it; a symlink in its place is the file. */
function find(settler: Settler, path: ByteString): ByteString | null {
  const dir = resolveDirectory(settler, '.', parentOf(path), { make: false, own: true });
  return dir === null ? null : childOf(dir, baseOf(path));
}

/** The names under which a file of the layers below shows, and that this layer has not taken. */
function namesOf(settler: Settler, path: ByteString, lower: LowerFile): ByteString[] {
  const file = new StatBuffer();
  statAt(AT_FDCWD, lower.path, file);
  const names = file.nlink === 1 ? [path] : linksIn(lower, file);
  return names.filter((name) => {
    const shown = settler.below(name);
    return shown.kind !== 'none' && shown.layer === lower.layer && !settler.covers(name);
  });
}

/** All names of a file in its own layer. */
function linksIn({ layer }: LowerFile, file: StatBuffer): ByteString[] {
  const names: ByteString[] = [];
  walk(layer.directory, (path, stat) => {
    if (stat.ino === file.ino) names.push(path);
  });
  return names;
}

function isDirectory(path: ByteString): BadEntry {
  return new BadEntry(path, 'is a hardlink to a directory');
}
