import { closeSync, fsyncSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Header } from 'mtree-ts';
import { inTurns } from '../steps.js';
import { createFile } from '../system/regular-file.js';

/**
 * Writes umoci's mtree manifest of a rootfs by walking it and reading every file.
 *
 * @param file path of the manifest; it appears whole or not at all
 * @throws MtreeError UNREADABLE; LayerhookError ABORTED
 */
export async function walkManifest(
  rootfs: string,
  file: string,
  header: Header,
  signal?: AbortSignal,
): Promise<void> {
  const { createSteps, umociKeywords } = await import('mtree-ts');
  const { readXattrs } = await import('../system/xattr.js');
  const xattrs = (path: Buffer) => readXattrs(path.toString('latin1'));
  const temporary = `${file}.tmp`;
  const fd = createFile(temporary, 0o644);
  try {
    const write = (chunk: Buffer) => writeSync(fd, chunk);
    await inTurns(createSteps(rootfs, write, { keywords: umociKeywords, header, xattrs }), signal);
    fsyncSync(fd);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
