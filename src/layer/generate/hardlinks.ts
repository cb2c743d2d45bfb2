import type { ByteString } from '../../system/bytes.js';
import { StatBuffer } from '../../system/stat.js';
import type { Steps } from '../../system/steps.js';
import type { Change } from '../types.js';
import { walkSteps } from '../walk/index.js';
import { cleanPath } from './paths.js';
import type { RootfsReader } from './rootfs.js';

/**
 * The changes, and with each changed name of a hardlinked file all its other names: left out, they would be other
 * files after the layer is applied. Only if some are missing the rootfs is walked.
 *
 * @param root path of the rootfs
 * @param mayAdd whether a name may be added
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
    const inode = inodeOf(stat);
    missing.set(inode, (missing.get(inode) ?? stat.nlink) - 1);
  }
  if (![...missing.values()].some((count) => count > 0)) return [...changes];
  const added: Change[] = [];
  yield* walkSteps(root, (path, found) => {
    if (!hasOtherNames(found) || known.has(path) || !missing.has(inodeOf(found))) return;
    if (mayAdd(path)) added.push({ path, kind: 'modify' });
  });
  return [...changes, ...added];
}

/** Whether a file may have more than one name. */
export function hasOtherNames(stat: StatBuffer): boolean {
  return stat.nlink > 1 && !stat.isDirectory;
}

/** Tells one inode from all others. */
export function inodeOf(stat: StatBuffer): string {
  return `${stat.devMajor}:${stat.devMinor}:${stat.inoHigh}:${stat.inoLow}`;
}
