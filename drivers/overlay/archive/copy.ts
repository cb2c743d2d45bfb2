import { type ArchiveResult, checkpoint, fsError, type PoststopContext } from 'layerhook/driver';
import { fromText, syncFilesystem } from 'layerhook/system';
import { copyTree } from './copy-tree.js';
import { atPlace, publishDirectory } from './place.js';

/** Copies the upperdir, exactly: whiteouts, marks of overlayfs, owners, times, hardlinks and holes too. */
export function archiveAsCopy(context: PoststopContext): Promise<ArchiveResult> {
  const { upperdir, replace, signal, log } = context;
  return atPlace(context, async (place) => {
    const { bytes, entries } = await copyTree(upperdir, place.temporary, { signal, log });
    await syncFilesystem(fromText(place.temporary)).catch((error: unknown) => {
      throw fsError(error, `cannot write ${place.final}`);
    });
    await checkpoint(signal);
    publishDirectory(place, replace);
    return { archived: place.final, bytes, entries };
  });
}
