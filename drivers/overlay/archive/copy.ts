import { type ArchiveResult, checkpoint, fsError, type PoststopContext } from 'layerhook';
import { pathIn, syncFilesystem } from 'layerhook/system';
import { copyTree } from './copy-tree.js';
import { atPlace, publishDirectory } from './place.js';

/** Copies the upperdir, exactly: whiteouts, marks of overlayfs, owners, times, hardlinks and holes too. */
export function archiveAsCopy(context: PoststopContext): Promise<ArchiveResult> {
  const { upperdir, signal, log } = context;
  return atPlace(context, 'directory', async (place) => {
    const { fd } = place.temporary;
    const { bytes, entries } = await copyTree(upperdir, { fd, path: place.final }, { signal, log });
    await syncFilesystem(pathIn(fd, '.')).catch((error: unknown) => {
      throw fsError(error, `cannot write ${place.final}`);
    });
    await checkpoint(signal);
    publishDirectory(place, context);
    return { archived: place.final, bytes, entries };
  });
}
