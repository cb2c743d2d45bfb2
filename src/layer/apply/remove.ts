import { fchmod, fchmodat } from '../../system/attributes.js';
import type { ByteString } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_REMOVEDIR, close, O, tryOpenat, tryUnlinkat } from '../../system/files.js';
import { readDirectory } from '../../system/readdir.js';
import type { Target } from './target.js';
import type { DirectoryNode } from './tree.js';

/**
 * Removes whatever is in `dir` under this name, with all below it; symlinks are removed, not followed.
 *
 * @returns false if there was nothing
 * @throws SystemError
 */
export function remove(target: Target, dir: DirectoryNode, name: ByteString): boolean {
  target.touch(dir);
  let done = removeAt(target.fd(dir), name);
  if (done === -E.EACCES && target.widen(dir)) done = removeAt(target.fd(dir), name);
  target.forget(dir, name);
  if (done === -E.ENOENT) return false;
  if (done < 0) throw new SystemError(-done, 'unlinkat', dir.pathOf(name));
  return true;
}

/** 0, or a negative errno. */
function removeAt(dirfd: number, name: ByteString): number {
  const unlinked = tryUnlinkat(dirfd, name);
  // what Linux says of directories, and what POSIX does
  if (unlinked !== -E.EISDIR && unlinked !== -E.EPERM) return unlinked;
  const removed = tryUnlinkat(dirfd, name, AT_REMOVEDIR);
  if (removed === -E.ENOTDIR) return unlinked;
  if (removed !== -E.ENOTEMPTY && removed !== -E.EEXIST) return removed;
  const emptied = empty(dirfd, name);
  return emptied < 0 ? emptied : tryUnlinkat(dirfd, name, AT_REMOVEDIR);
}

function empty(dirfd: number, name: ByteString): number {
  const fd = openDirectory(dirfd, name);
  if (fd < 0) return fd;
  try {
    for (const entry of readDirectory(fd)) {
      let done = removeAt(fd, entry.name);
      if (done === -E.EACCES) {
        fchmod(fd, 0o700, name);
        done = removeAt(fd, entry.name);
      }
      if (done < 0) return done;
    }
    return 0;
  } finally {
    close(fd);
  }
}

/** Opens a directory that is to go, whatever its mode. */
function openDirectory(dirfd: number, name: ByteString): number {
  const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
  const fd = tryOpenat(dirfd, name, flags);
  if (fd !== -E.EACCES) return fd;
  fchmodat(dirfd, name, 0o700);
  return tryOpenat(dirfd, name, flags);
}
