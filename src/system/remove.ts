import { fchmod, fchmodat } from './attributes.js';
import { type ByteString, fromText } from './bytes.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, AT_REMOVEDIR, close, O, tryOpenat, tryUnlinkat } from './files.js';
import { readDirectory } from './readdir.js';

/**
 * Removes a file or a directory with all below it, whatever the modes of directories that are ours. Symlinks are
 * removed, not followed, also when someone puts one in the place of a directory meanwhile.
 *
 * node's rmSync fails on directories of mode 0 and on trees that are too deep for its stack.
 *
 * @returns false if there was nothing
 * @throws SystemError
 */
export function removeTree(path: string): boolean {
  const done = tryRemoveTreeAt(AT_FDCWD, fromText(path));
  if (done < 0 && done !== -E.ENOENT) throw new SystemError(-done, 'unlinkat', fromText(path));
  return done === 0;
}

/** As {@link removeTree}, for what is in an open directory: 0, or a negative errno. */
export function tryRemoveTreeAt(dirfd: number, name: ByteString): number {
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
      let done = tryRemoveTreeAt(fd, entry.name);
      if (done === -E.EACCES) {
        fchmod(fd, 0o700, name);
        done = tryRemoveTreeAt(fd, entry.name);
      }
      if (done < 0 && done !== -E.ENOENT) return done;
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
