import { type ArchiveResult, type Compression, checkpoint, type PoststopContext } from 'layerhook';
import type { OverlayFormat } from '../marks.js';
import { readChanges } from './changes.js';
import { atPlace, publishFile } from './place.js';
import { archivedHoles, ownerOf, unmapped, visibleXattr } from './tar-options.js';

/**
 * Writes the upperdir into a tar, under names `./…`: as it is, with overlayfs' devices and attributes, or with whiteouts
 * as layers have them.
 */
export function archiveAsTar(context: PoststopContext, compression: Compression): Promise<ArchiveResult> {
  const { signal } = context;
  return atPlace(context, 'file', async (place) => {
    const { writeTar } = await import('layerhook');
    let entries = 0;
    const tar = await tarOf(context, () => {
      entries += 1;
    });
    const bytes = await writeTar(place.temporary.fd, place.final, tar, compression, { signal });
    await checkpoint(signal);
    publishFile(place, context);
    return { archived: place.final, bytes, entries };
  });
}

async function tarOf(context: PoststopContext, onPacked: () => void): Promise<AsyncIterable<Buffer>> {
  const { generateLayer, generateTree } = await import('layerhook');
  const { upperdir, whiteout, owner, signal, log } = context;
  const options = {
    map: unmapped,
    subsecond: true,
    owner: ownerOf(owner),
    holes: archivedHoles(),
    signal,
    log,
    onPacked,
  };
  if (whiteout !== 'oci') return generateTree({ root: upperdir, ...options });
  const format = context.overlay as OverlayFormat;
  const { changes, hidden } = await readChanges(upperdir, format, signal);
  const xattrName = visibleXattr(format);
  return generateLayer({ rootfs: upperdir, changes, hidden, prefix: './', xattrName, ...options });
}
