import { existsSync } from 'node:fs';
import type { Delta } from 'mtree-ts';
import { fsError } from '../errors/fs-error.js';
import type { ContentInfo } from '../store/types.js';
import { inTurns } from '../system/steps.js';
import { readXattrs } from '../system/xattr.js';
import { guardManifest, readManifest } from './bundle/mtree-check.js';

/**
 * Writes the manifest by which {@link verifyLayer} verifies a layer, by reading it as it is now: for a layer that was not
 * extracted into its own directory, so that `writeManifest` of post-extract does not know it.
 *
 * @param directory of the layer, with all that was extracted and nothing else
 * @param file where the manifest goes
 * @throws LayerhookError SYSTEM, NO_SPACE; MtreeError UNREADABLE
 */
export async function recordLayer(directory: string, file: string): Promise<void> {
  const { currentHeader } = await import('mtree-ts/write');
  const { walkManifest } = await import('./bundle/write-mtree.js');
  try {
    await walkManifest(directory, file, currentHeader(directory));
  } catch (error) {
    throw fsError(error, `writing ${file}`);
  }
}

/**
 * Reads a layer in the store, every byte of it, and compares it with the manifest that was written when its diffID was
 * verified.
 *
 * @returns how it differs, sorted by path; null if whoever extracted it wrote no manifest
 * @throws LayerhookError MTREE_INVALID, SYSTEM
 */
export async function verifyLayer({ directory, manifest: file }: ContentInfo): Promise<Delta[] | null> {
  if (!existsSync(file)) return null;
  const { checkSteps } = await import('mtree-ts');
  const manifest = await readManifest(file);
  const keywords = manifest.usedKeywords();
  const xattrs = (path: Buffer) => readXattrs(path.toString('latin1'));
  const options = { keywords, strict: true, xattrs };
  return guardManifest(file, () => inTurns(checkSteps(directory, manifest, options)));
}
