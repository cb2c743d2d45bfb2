import { fromText } from '../../system/bytes.js';
import { E, isErrno, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, readlinkat, tryOpenat } from '../../system/files.js';
import { flock } from '../../system/lock.js';
import { unmount } from '../../system/mount.js';
import { mountsBelow } from '../../system/mountinfo.js';
import { type OnRemoved, removeTree } from '../../system/remove.js';

/**
 * Removes an unused tree, unless another process is removing it.
 *
 * @throws SystemError
 */
export function erase(path: string, onRemoved?: OnRemoved): void {
  const fd = tryOpenat(AT_FDCWD, fromText(path), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd === -E.ENOENT) return;
  if (fd === -E.ENOTDIR || fd === -E.ELOOP) {
    removeTree(path);
    return;
  }
  if (fd < 0) throw new SystemError(-fd, 'openat', fromText(path));
  try {
    if (flock(fd, 'exclusive')) removeUnmounted(path, fd, onRemoved);
  } finally {
    close(fd);
  }
}

/** Types of the mounts that commands make. Others keep their directory, which cannot be removed (EBUSY). */
const own: readonly string[] = ['erofs', 'overlay'];

/** Removes a tree, and first what a killed or failed command left mounted in it. */
function removeUnmounted(path: string, fd: number, onRemoved?: OnRemoved): void {
  try {
    removeTree(path, onRemoved);
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
    const mounts = mountsBelow(readlinkat(AT_FDCWD, `/proc/self/fd/${fd}`));
    for (const { mountPoint, type } of mounts.reverse())
      if (own.includes(type)) unmount(mountPoint, { detach: true });
    removeTree(path, onRemoved);
  }
}
