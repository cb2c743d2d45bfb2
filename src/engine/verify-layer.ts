import { existsSync } from 'node:fs';
import type { Delta } from 'mtree-ts';
import { fsError } from '../errors/fs-error.js';
import { mtreeAccess } from '../layer/mtree-access.js';
import type { Usage } from '../layer/types.js';
import type { ContentInfo } from '../store/types.js';
import { inTurns } from '../system/steps.js';
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

/**
 * Reads every byte of a layer in the store, and compares it with the mtree that was written when its diffID was verified.
 *
 * @returns how it differs, sorted by path; null if the layer was extracted without an mtree
 * @throws LayerhookError MTREE_INVALID, SYSTEM
 */
export async function verifyLayer({ directory, mtree: file }: ContentInfo): Promise<Delta[] | null> {
  if (!existsSync(file)) return null;
  const { checkSteps } = await import('mtree-ts');
  const recorded = await readMtree(file);
  const options = { keywords: recorded.usedKeywords(), strict: true, ...mtreeAccess };
  return guardMtree(file, () => inTurns(checkSteps(directory, recorded, options)));
}
