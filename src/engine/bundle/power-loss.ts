import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import type { Delta } from 'mtree-ts';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { exists } from '../../system/exists.js';
import { bootId } from '../../system/filesystem.js';
import { type BundleMeta, writeOwnMeta } from './metadata.js';
import { checkMtree } from './mtree-check.js';

/**
 * Requires that a power loss has not emptied files of a rootfs. unpack does not wait for the disk, so under a later boot
 * each file is read and compared with the mtree, once: a file that has the recorded mtime and other content, or that is
 * missing from an unchanged directory, was lost. The changes of users have times of their own.
 *
 * @param mtreeFile path of the bundle's mtree
 * @returns the metadata of the bundle, which record that the rootfs is on disk
 * @throws LayerhookError BUNDLE_DAMAGED, MTREE_INVALID, ABORTED, SYSTEM
 */
export async function requireNoneLost(
  { bundle, rootfs, mtreeFile }: { bundle: string; rootfs: string; mtreeFile: string },
  meta: BundleMeta,
  signal: AbortSignal,
): Promise<BundleMeta> {
  if (meta.boot === undefined || meta.boot === bootId() || !exists(mtreeFile)) return meta;
  const lost = lostIn(await checkMtree(rootfs, mtreeFile, signal));
  if (lost.length > 0) throw damaged(bundle, lost);
  const { boot: _, ...proven } = meta;
  // what others may write, or this user may not, is read again by the next repack
  if (meta.distrust === null && isWritable(bundle)) writeOwnMeta(bundle, proven);
  return proven;
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function lostIn(deltas: readonly Delta[]): ByteString[] {
  const changed = new Set(
    deltas.filter(({ type, diffs }) => type === 'missing' || hasTime(diffs)).map(({ path }) => path),
  );
  const isLost = ({ type, path, diffs, old }: Delta) => {
    if (type === 'missing') return !changed.has(dirname(path));
    const isFile = type === 'modified' && old?.type === 'file';
    return isFile && !hasTime(diffs) && diffs.some(({ name }) => isContent(name));
  };
  return deltas.filter(isLost).map(({ path }) => path);
}

function hasTime(diffs: Delta['diffs']): boolean {
  return diffs.some(({ name }) => name === 'tar_time');
}

function isContent(name: string): boolean {
  return name === 'size' || name === 'sha256digest';
}

function damaged(bundle: string, lost: ByteString[]): LayerhookError {
  const first = showBytes(lost[0]!);
  const others = lost.length === 1 ? '' : ` and ${lost.length - 1} more`;
  return new LayerhookError('BUNDLE_DAMAGED', {
    path: bundle,
    reason: `a power loss damaged rootfs/${first}${others}: its time is as unpacked, its content is not`,
    expected: 'unpack the image again into a new bundle; if the changes are yours, touch these files',
  });
}
