import { writeFileSync } from 'node:fs';
import { create, umociKeywords } from 'mtree-ts';
import { readXattrs } from '../../src/system/xattr.js';

/** Writes umoci's mtree of a tree, by reading every file. @returns its bytes */
export function mtreeOf(rootfs: string, file?: string): Buffer {
  const chunks: Buffer[] = [];
  const xattrs = (path: Buffer) => readXattrs(path.toString('latin1'));
  create(rootfs, (chunk) => chunks.push(chunk), { keywords: umociKeywords, xattrs });
  const bytes = Buffer.concat(chunks);
  if (file !== undefined) writeFileSync(file, bytes);
  return bytes;
}
