import { type BigIntStats, writeFileSync } from 'node:fs';
import type { Header } from 'mtree-ts';
import { UsageCounter } from '../../layer/count-usage.js';
import { holeBudget, takeHoles } from '../../layer/holes.js';
import type { Usage } from '../../layer/types.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { statBlockBytes } from '../../system/stat.js';
import { inTurns } from '../../system/steps.js';
import { replaceFile } from '../../system/write-file.js';

/**
 * Writes umoci's mtree of a rootfs by walking it and reading every file.
 *
 * @param file path of the mtree; it is replaced atomically
 * @param options `maxHoles`: bytes of holes that may be hashed; default 64 GiB
 * @returns what the rootfs takes on disk, itself included
 * @throws MtreeError UNREADABLE; LayerhookError ABORTED, LIMIT_EXCEEDED
 */
export async function writeMtree(
  rootfs: string,
  file: string,
  header: Header,
  { signal, maxHoles }: { signal?: AbortSignal | undefined; maxHoles?: number | undefined } = {},
): Promise<Usage> {
  const { createSteps, umociKeywords } = await import('mtree-ts');
  const { mtreeAccess } = await import('../../layer/mtree-access.js');
  const counter = new UsageCounter();
  const holes = holeBudget(maxHoles);
  const visit = (path: ByteString, stats: BigIntStats) => {
    const { ino } = stats;
    const isDirectory = stats.isDirectory();
    counter.add({ ino, isDirectory, nlink: Number(stats.nlink), blocks: Number(stats.blocks) });
    if (stats.isFile())
      takeHoles(holes, Number(stats.size - stats.blocks * BigInt(statBlockBytes)), showBytes(path));
    return false;
  };
  const options = { keywords: umociKeywords, header, ...mtreeAccess, exclude: visit };
  await replaceFile(file, async (fd) => {
    await inTurns(
      createSteps(rootfs, (chunk) => writeFileSync(fd, chunk), options),
      signal,
    );
  });
  return counter.usage;
}
