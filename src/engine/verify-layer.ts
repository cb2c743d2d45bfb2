import { existsSync } from 'node:fs';
import type { Delta } from 'mtree-ts';
import type { ContentInfo } from '../snapshot/types.js';
import { readXattrs } from '../system/xattr.js';
import { guardManifest, readManifest } from './manifest-check.js';

/**
 * Reads a layer in the store, every byte of it, and compares it with the manifest that was written when its diffID was
 * verified.
 *
 * @returns how it differs, sorted by path; null if whoever extracted it wrote no manifest
 * @throws LayerhookError MTREE_INVALID, SYSTEM
 */
export async function verifyLayer({ directory, manifest: file }: ContentInfo): Promise<Delta[] | null> {
  if (!existsSync(file)) return null;
  const { check } = await import('mtree-ts');
  const manifest = await readManifest(file);
  const keywords = manifest.usedKeywords();
  const xattrs = (path: Buffer) => readXattrs(path.toString('latin1'));
  return guardManifest(file, () => check(directory, manifest, { keywords, strict: true, xattrs }));
}
