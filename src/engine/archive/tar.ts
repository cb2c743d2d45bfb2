import { generateLayer } from '../../layer/generate/generate.js';
import type { PackOptions } from '../../layer/generate/pack.js';
import { generateTree } from '../../layer/generate/tree.js';
import { writeTar } from '../../layer/generate/write-file.js';
import { visibleXattr } from '../../layer/overlay-marks.js';
import type { Compression } from '../../layer/types.js';
import type { ArchiveResult, PoststopContext } from '../../points/points.js';
import type { ByteString } from '../../system/bytes.js';
import { checkpoint } from '../../system/steps.js';
import type { OnProgress } from '../../system/work-progress.js';
import { unmapped } from '../operation.js';
import { readChanges } from './changes.js';
import { atPlace, publishFile } from './place.js';
import { archivedHoles, ownerOf } from './tar-options.js';

/**
 * Writes the upperdir into a tar, with names that begin with `./`: unchanged, with the devices and attributes of overlayfs,
 * or with the whiteouts of layers.
 */
export function archiveAsTar(
  context: PoststopContext,
  compression: Compression,
  onProgress?: OnProgress,
): Promise<ArchiveResult> {
  const { signal } = context;
  return atPlace(context, 'file', async (place) => {
    let entries = 0;
    const onPacked = () => {
      entries += 1;
    };
    const tar = await tarOf(context, { onPacked, onProgress });
    const bytes = await writeTar(place.temporary.fd, place.final, tar, compression, { signal });
    await checkpoint(signal);
    publishFile(place, context);
    return { archived: place.final, bytes, entries };
  });
}

async function tarOf(
  context: PoststopContext,
  watchers: Pick<PackOptions, 'onPacked' | 'onProgress'>,
): Promise<AsyncIterable<Buffer>> {
  const { upperdir, overlay: format, whiteout, owner, signal, log } = context;
  const options = {
    map: unmapped,
    subsecond: true,
    owner: ownerOf(owner),
    holes: archivedHoles(),
    signal,
    log,
    ...watchers,
  };
  if (whiteout !== 'oci') return generateTree({ root: upperdir, ...options });
  const { changes, hidden } = await readChanges(upperdir, format, signal);
  const xattrName = (name: ByteString) => visibleXattr(name, format);
  return generateLayer({ rootfs: upperdir, changes, hidden, prefix: './', xattrName, ...options });
}
