import type { ByteString } from '../../system/bytes.js';
import { inodeNumber, StatBuffer } from '../../system/stat.js';
import type { Steps } from '../../system/steps.js';
import type { Change } from '../types.js';
import { walkSteps } from '../walk/index.js';
import { cleanPath } from './paths.js';
import type { RootfsReader } from './rootfs.js';

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
): Steps<Change[]> {
  const stat = new StatBuffer();
  const known = new Set<ByteString>();
  const missing = new Map<string, number>();
  for (const { path, kind } of changes) {
    const clean = cleanPath(path);
    if (kind === 'delete' || known.has(clean) || !reader.stat(clean, stat)) continue;
    known.add(clean);
    if (!hasOtherNames(stat)) continue;
    const inode = inodeNumber(stat);
    missing.set(inode, (missing.get(inode) ?? stat.nlink) - 1);
  }
  if (![...missing.values()].some((count) => count > 0)) return [...changes];
  const added: Change[] = [];
  yield* walkSteps(root, (path, found) => {
    if (!hasOtherNames(found) || known.has(path) || !missing.has(inodeNumber(found))) return;
    if (mayAdd(path)) added.push({ path, kind: 'modify' });
  });
  return [...changes, ...added];
}

/** True if a file may have more than one name. */
export function hasOtherNames(stat: StatBuffer): boolean {
  return stat.nlink > 1 && !stat.isDirectory;
}
