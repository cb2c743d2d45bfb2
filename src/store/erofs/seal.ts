import { metadataDigest, withImage } from '../../erofs/verify.js';
import { fromText } from '../../system/bytes.js';
import { StatBuffer, statBlockBytes, statFd } from '../../system/stat.js';
import { inTurns } from '../../system/steps.js';
import { enableVerity } from '../../system/verity.js';
import type { ErofsRecord, Usage } from '../types.js';

/** The image and its mount point. */
const inodes = 2;

/**
 * Returns what the store records about a complete image.
 *
 * @param options `tarBytes`: bytes of its tar; null for an image of a directory
 * @throws LayerhookError SYSTEM
 */
export async function sealImage(
  image: string,
  { tarBytes, verity }: { tarBytes: number | null; verity: boolean },
): Promise<{ record: ErofsRecord; usage: Usage }> {
  const path = fromText(image);
  return withImage(image, async (fd) => {
    const metadata = await inTurns(metadataDigest(fd, tarBytes ?? 0));
    const digest = verity ? enableVerity(path) : null;
    const stat = new StatBuffer();
    statFd(fd, stat, path);
    const usage = { size: stat.blocks * statBlockBytes, inodes };
    const made = tarBytes === null ? ({ tarBytes: 0, from: 'directory' } as const) : { tarBytes };
    return { record: { ...made, metadata, ...(digest !== null && { verity: digest }) }, usage };
  });
}
