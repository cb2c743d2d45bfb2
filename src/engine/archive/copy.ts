import { fsError } from '../../errors/fs-error.js';
import type { ArchiveResult, PoststopContext } from '../../points/points.js';
import { syncFilesystem } from '../../system/filesystem.js';
import { checkpoint } from '../../system/steps.js';
import type { OnProgress } from '../../system/work-progress.js';
import { pathIn } from '../../system/xattr.js';
import { copyTree } from './copy-tree.js';
import { atPlace, publishDirectory } from './place.js';

/** Copies the upperdir exactly, with whiteouts, marks of overlayfs, owners, times, hardlinks and holes. */
export function archiveAsCopy(context: PoststopContext, onProgress?: OnProgress): Promise<ArchiveResult> {
  const { upperdir, signal, log } = context;
  return atPlace(context, 'directory', async (place) => {
    const { fd } = place.temporary;
    const { bytes, entries } = await copyTree(
      upperdir,
      { fd, path: place.final },
      { signal, log, onProgress },
    );
    await syncFilesystem(pathIn(fd, '.')).catch((error: unknown) => {
      throw fsError(error, `cannot write ${place.final}`);
    });
    await checkpoint(signal);
    publishDirectory(place, context);
    return { archived: place.final, bytes, entries };
  });
}
