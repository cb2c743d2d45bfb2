import { fromText } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, tryOpenat } from '../../system/files.js';
import { flock } from '../../system/lock.js';
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
    if (flock(fd, 'exclusive')) removeTree(path, onRemoved);
  } finally {
    close(fd);
  }
}
