import type { ByteString } from '../../system/bytes.js';
import { inodeNumber, StatBuffer } from '../../system/stat.js';
import type { Steps } from '../../system/steps.js';
import type { Change } from '../types.js';
import { statWord, walkSteps } from '../walk/index.js';
import { rowOf } from './content.js';
import { cleanPath } from './paths.js';
import type { RootfsReader } from './rootfs.js';

/** Changes with all names of hardlinked files. */
export interface NamedChanges {
  changes: Change[];
  /** files that the delta identifies itself ({@link Change.inode}), by path; a file has the same text under all its names */
  files: Map<ByteString, string>;
}

/**
 * Adds to the changes all other names of changed hardlinked files. Without them, the other names would be separate
 * files after the layer is applied. Walks the rootfs only if names are missing.
 *
 * @param root path of the rootfs
 * @param mayAdd returns true if a name may be added
 */
export function* withAllNames(
  root: string,
  reader: RootfsReader,
  changes: readonly Change[],
  mayAdd: (path: ByteString) => boolean,
): Steps<NamedChanges> {
  const links = linksIn(reader, changes);
  const claims = new Map<string, string>();
  for (const { inode, claim } of links.values()) if (claim !== undefined) claims.set(inode, claim);
  const missing = new Map<string, number>();
  for (const { inode, nlink } of links.values()) {
    const file = claims.get(inode) ?? inode;
    missing.set(file, (missing.get(file) ?? nlink) - 1);
  }
  const added: Change[] = [];
  if ([...missing.values()].some((count) => count > 0)) {
    yield* walkSteps(root, (path, found) => {
      if (!hasOtherNames(found) || links.has(path)) return;
      const inode = inodeNumber(found);
      if (!missing.has(claims.get(inode) ?? inode) || !mayAdd(path)) return;
      links.set(path, { inode, nlink: found.nlink });
      added.push({ path, kind: 'modify' });
    });
  }
  const files = new Map<ByteString, string>();
  for (const [path, { inode }] of links) if (claims.has(inode)) files.set(path, claims.get(inode)!);
  return { changes: [...changes, ...added], files };
}

/** One name of a file that may have several. */
interface Link {
  /** in the rootfs */
  inode: string;
  nlink: number;
  /** the file's identity in the delta */
  claim?: string;
}

function linksIn(reader: RootfsReader, changes: readonly Change[]): Map<ByteString, Link> {
  const stat = new StatBuffer();
  const links = new Map<ByteString, Link>();
  for (const { path, kind, inode } of changes) {
    const clean = cleanPath(path);
    if (kind === 'delete' || links.has(clean) || !reader.stat(clean, stat) || !hasOtherNames(stat)) continue;
    // the prefix keeps it apart from the inodes of the rootfs
    const claim = inode !== undefined && { claim: `delta ${inode}` };
    links.set(clean, { inode: inodeNumber(stat), nlink: stat.nlink, ...claim });
  }
  return links;
}

/** True if the stats of two names differ at most in device and inode: an overlay may show one file with several inodes. */
export function mayBeLinks(a: StatBuffer, b: StatBuffer): boolean {
  const [one, other] = [rowOf(a), rowOf(b)];
  for (const at of inodeWords) other[at] = one[at]!;
  return one.every((word, i) => word === other[i]);
}

const inodeWords = [statWord.ino, statWord.ino + 1, statWord.devMajor, statWord.devMinor];

/** True if a file may have more than one name. */
export function hasOtherNames(stat: StatBuffer): boolean {
  return stat.nlink > 1 && !stat.isDirectory;
}
