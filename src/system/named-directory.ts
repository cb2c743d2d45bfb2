import { fchmod } from './attributes.js';
import type { ByteString } from './bytes.js';
import { RESOLVE, tryOpenat2 } from './confined.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, close, O, openat, tryOpenat } from './files.js';
import { readDirectory } from './readdir.js';
import { tryRemoveTreeAt } from './remove.js';
import { isNamed, StatBuffer, statFd } from './stat.js';

/**
 * An open directory, its open parent and its name there. If other users may write to the parent, they can replace the name
 * at any time: work through the descriptors.
 */
export interface NamedDirectory {
  parent: number;
  name: ByteString;
  fd: number;
}

/** Flags for a directory that another user may have replaced: a FIFO does not block, a symlink is not followed. */
const directoryFlags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.NONBLOCK;

/**
 * Opens a directory to look up entries in it. Follows symlinks in `path`.
 *
 * @throws SystemError
 */
export function openParent(path: ByteString): number {
  return openat(AT_FDCWD, path, O.PATH | O.DIRECTORY);
}

/** Opens the directory `name` in an open directory, or the mount there. Returns its descriptor or a negative errno. */
export function tryOpenDirectory(parent: number, name: ByteString): number {
  return tryOpenat(parent, name, directoryFlags);
}

/**
 * Does the same as {@link tryOpenDirectory}, but returns EXDEV for a mount point: a FUSE filesystem of another user may
 * never answer, and may report any owner.
 */
export function tryOpenUnmounted(parent: number, name: ByteString): number {
  const fd = tryOpenat2(parent, name, directoryFlags, RESOLVE.NO_XDEV | RESOLVE.NO_MAGICLINKS);
  return fd === -E.ENOSYS || fd === -E.EPERM ? tryOpenat(parent, name, directoryFlags) : fd;
}

/** True if the process's user owns an open directory. */
export function isOurs(fd: number): boolean {
  const stat = new StatBuffer();
  statFd(fd, stat);
  return stat.uid === process.geteuid?.();
}

/** True if users other than root and the owner may rename entries of an open directory. */
export function othersMayRename(fd: number): boolean {
  const stat = new StatBuffer();
  statFd(fd, stat);
  return (stat.mode & 0o1002) === 0o0002;
}

/** True if the name still refers to the open directory. */
export function isInPlace({ parent, name, fd }: NamedDirectory): boolean {
  return isNamed(parent, name, fd);
}

/** Returns the names in an open directory. @throws SystemError */
export function namesIn(fd: number): ByteString[] {
  const again = openat(fd, '.', O.RDONLY | O.DIRECTORY);
  try {
    return readDirectory(again).map(({ name }) => name);
  } finally {
    close(again);
  }
}

/**
 * Removes entries of an open directory and everything below them. Ignores missing names.
 *
 * @throws SystemError; EBUSY for an entry that contains a mount
 */
export function removeEntries(fd: number, names: readonly ByteString[]): void {
  for (const name of names) {
    let done = tryRemoveTreeAt(fd, name);
    if (done === -E.EACCES) {
      fchmod(fd, 0o700, name);
      done = tryRemoveTreeAt(fd, name);
    }
    if (done < 0 && done !== -E.ENOENT) throw new SystemError(-done, 'unlinkat', name);
  }
}
