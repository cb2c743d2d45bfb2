import { dirname } from 'node:path';
import { fromText, showBytes } from '../../system/bytes.js';
import type { MountInfo } from '../../system/mountinfo.js';
import { overlayDirsOf } from '../../system/overlay-options.js';
import { sameDirectory } from './directory.js';

/**
 * Returns where the directory of a snapshot is mounted: as the upperdir of an overlay, or itself.
 *
 * @param directory absolute
 * @param mounts of this mount namespace
 */
export function mountPointsOf(directory: string, mounts: readonly MountInfo[]): string[] {
  const path = fromText(directory);
  // a mount of the directory itself ends in the directory's path below its filesystem
  const end = path.slice(dirname(dirname(dirname(path))).length);
  return mounts
    .filter(
      (mount) =>
        isUpperdir(mount, path) ||
        (mount.root.endsWith(end) && sameDirectory(directory, showBytes(mount.mountPoint))),
    )
    .map(({ mountPoint }) => showBytes(mountPoint));
}

/** The kernel shows the path that it was given, which is relative if that made the options shorter. */
function isUpperdir(mount: MountInfo, path: string): boolean {
  const { upperdir } = overlayDirsOf(mount);
  if (upperdir === undefined) return false;
  return upperdir === path || (!upperdir.startsWith('/') && path.endsWith(`/${upperdir}`));
}
