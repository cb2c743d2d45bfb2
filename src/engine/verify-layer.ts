import { type BigIntStats, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Delta } from 'mtree-ts';
import { fsError } from '../errors/fs-error.js';
import { isLayerhookError } from '../errors/index.js';
import { mtreeAccess } from '../layer/mtree-access.js';
import type { Usage } from '../layer/types.js';
import type { ContentInfo } from '../store/types.js';
import { fromText } from '../system/bytes.js';
import { exists } from '../system/exists.js';
import { inTurns } from '../system/steps.js';
import type { OnProgress } from '../system/work-progress.js';
import { guardMtree, readMtree } from './bundle/mtree-check.js';

/**
 * Writes the mtree with which {@link verifyLayer} verifies a layer, by reading the layer: for a layer that was not
 * extracted into its own directory, so that `writeMtree` of post-extract is not available.
 *
 * @param directory of the layer, which holds exactly the extracted files
 * @param file path of the mtree
 * @returns disk usage of the directory, itself included
 * @throws LayerhookError SYSTEM, NO_SPACE; MtreeError UNREADABLE
 */
export async function recordLayer(directory: string, file: string): Promise<Usage> {
  const { currentHeader } = await import('mtree-ts/write');
  const { writeMtree } = await import('./bundle/write-mtree.js');
  try {
    return await writeMtree(directory, file, currentHeader(directory));
  } catch (error) {
    throw fsError(error, `writing ${file}`);
  }
}

/** Opening a file takes as long as reading this many bytes. Progress counts them for each file. */
const fileCost = 16 * 1024;

/**
 * Reads every byte of a layer in the store. A directory is compared with the mtree that was written when its diffID was
 * verified. In an EROFS image, the tar is compared with the diffID, and all other bytes with their digest. An image that was
 * made of a directory has no tar.
 *
 * @param onProgress called for each file, or each MiB of an image
 * @returns how the layer differs, sorted by path; null if the layer was extracted without an mtree, or if its mtree is damaged
 * @throws LayerhookError SYSTEM
 */
export async function verifyLayer(
  { directory, mtree: file, erofs, layer, usage }: ContentInfo,
  onProgress: OnProgress = () => {},
): Promise<Delta[] | null> {
  if (erofs !== undefined) return verifyImage(erofs, layer?.diffID ?? '', onProgress);
  if (!exists(file)) return null;
  const { checkSteps } = await import('mtree-ts');
  const recorded = await readIfSound(file);
  if (recorded === null) return null;
  const total = usage === undefined ? 0 : usage.size + usage.inodes * fileCost;
  const progress = { done: 0, total, bytes: 0, entries: 0 };
  const exclude = (_: string, stats: BigIntStats) => {
    const bytes = stats.isFile() ? Number(stats.size) : 0;
    progress.done += bytes + fileCost;
    progress.bytes += bytes;
    progress.entries += 1;
    onProgress(progress);
    return false;
  };
  const options = { keywords: recorded.usedKeywords(), strict: true, exclude, ...mtreeAccess };
  return guardMtree(file, () => inTurns(checkSteps(directory, recorded, options)));
}

/** Reads the mtree of a layer. @returns null if it is malformed: a power loss may have emptied it */
async function readIfSound(file: string): Promise<Awaited<ReturnType<typeof readMtree>> | null> {
  try {
    return await readMtree(file);
  } catch (error) {
    if (isLayerhookError(error, 'MTREE_INVALID')) return null;
    throw error;
  }
}

async function verifyImage(
  { image, tarBytes, from, metadata }: NonNullable<ContentInfo['erofs']>,
  diffID: string,
  onProgress: OnProgress,
): Promise<Delta[]> {
  const { metadataDigest, tarDigest, withImage } = await import('../erofs/verify.js');
  const progress = { done: 0, total: statSync(image).size, bytes: 0, entries: 1 };
  const onRead = (bytes: number) => {
    progress.done += bytes;
    progress.bytes += bytes;
    onProgress(progress);
  };
  const found = await withImage(image, async (fd) => ({
    tar: await inTurns(tarDigest(fd, tarBytes, onRead)),
    metadata: await inTurns(metadataDigest(fd, tarBytes, onRead)),
  }));
  const diffs: Delta['diffs'] = [];
  if (from === undefined && found.tar !== diffID)
    diffs.push({ type: 'modified', name: 'tar', old: diffID, new: found.tar });
  if (found.metadata !== metadata)
    diffs.push({ type: 'modified', name: 'metadata', old: metadata, new: found.metadata });
  const delta: Delta = {
    path: fromText(basename(image)),
    type: 'modified',
    diffs,
    old: undefined,
    new: undefined,
  };
  return diffs.length === 0 ? [] : [delta];
}
