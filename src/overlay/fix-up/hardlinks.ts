import { walk } from '../../layer/walk/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import type { LowerFile } from '../lower-stack.js';
import { baseOf, childOf, parentOf } from '../paths.js';
import { BadEntry } from './bad-entry.js';
import type { FixUp } from './context.js';
import { resolveDirectory } from './resolve.js';

interface Link {
  path: ByteString;
  target: ByteString;
}

/**
 * Makes the hardlinks whose target only the lower layers have. The file is copied into the layer under all its names, so
 * that they stay one file; overlayfs itself would copy up one name only.
 *
 * @throws BadEntry if the target is missing or a directory
 */
export function makeLowerHardlinks(fixUp: FixUp, links: readonly Link[]): void {
  let waiting = [...links];
  for (let before = -1; waiting.length !== before; ) {
    before = waiting.length;
    // a link may point to another link
    waiting = waiting.filter((link) => !tryLink(fixUp, link));
  }
  const [first] = waiting;
  if (first)
    throw new BadEntry(first.path, `is a hardlink to ${showBytes(first.target)}, which is not there`);
}

/** @returns false if the target is missing */
function tryLink(fixUp: FixUp, { path, target }: Link): boolean {
  const { upper } = fixUp;
  const name = fixUp.names.now(path);
  const found = find(fixUp, fixUp.names.now(target));
  if (found === null) return false;
  const kind = upper.kindOf(found);
  if (kind === 'directory') throw isDirectory(path);
  if (kind === 'symlink' || kind === 'other') {
    upper.link(found, name);
    return true;
  }
  const lower = fixUp.below(found);
  if (lower === null) return false;
  if (lower.directory !== null) throw isDirectory(path);
  upper.copyFrom(lower, name);
  for (const other of namesOf(fixUp, found, lower)) {
    fixUp.makeDirectories(parentOf(other));
    upper.link(name, other);
  }
  return true;
}

/** Returns the path of a file with all symlinks above it resolved. A symlink at the path itself is the file. */
function find(fixUp: FixUp, path: ByteString): ByteString | null {
  const dir = resolveDirectory(fixUp, '.', parentOf(path), { make: false, own: true });
  return dir === null ? null : childOf(dir, baseOf(path));
}

/** Returns the names under which the lower layers show a file, without those that this layer covers. */
function namesOf(fixUp: FixUp, path: ByteString, file: LowerFile): ByteString[] {
  const names = file.stat.nlink === 1 ? [path] : linksIn(fixUp.lower!.directories[file.layer]!, file);
  return names.filter((name) => fixUp.below(name)?.layer === file.layer && !fixUp.covers(name));
}

/** Returns all names of a file in its own layer. */
function linksIn(directory: string, file: LowerFile): ByteString[] {
  const names: ByteString[] = [];
  walk(directory, (path, stat) => {
    if (stat.ino === file.stat.ino) names.push(path);
  });
  return names;
}

function isDirectory(path: ByteString): BadEntry {
  return new BadEntry(path, 'is a hardlink to a directory');
}
