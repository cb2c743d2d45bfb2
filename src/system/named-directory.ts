import { fchmod } from './attributes.js';
import type { ByteString } from './bytes.js';
import { RESOLVE, tryOpenat2 } from './confined.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, close, O, openat, tryOpenat } from './files.js';
import { readDirectory } from './readdir.js';
import { tryRemoveTreeAt } from './remove.js';
import { isNamed, StatBuffer, statFd } from './stat.js';

/**
 * An open directory with the name that it has in the open directory above. Where others may write to the one above, they can
 * put something else under that name at any time: work goes through the descriptors.
 */
export interface NamedDirectory {
  parent: number;
  name: ByteString;
  fd: number;
}

/** Flags for a directory that another user may have replaced: a FIFO does not block, a symlink is not followed. */
const DIRECTORY = O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.NONBLOCK;

/**
 * Opens a directory to find entries in it; symlinks in `path` are followed.
 *
 * @throws SystemError
 */
export function openParent(path: ByteString): number {
  return openat(AT_FDCWD, path, O.PATH | O.DIRECTORY);
}

/** Opens the directory `name`, or what is mounted there, in an open one: its descriptor, or a negative errno. */
export function tryOpenDirectory(parent: number, name: ByteString): number {
  return tryOpenat(parent, name, DIRECTORY);
}

/**
 * As {@link tryOpenDirectory}, but EXDEV for a mount point: another user's FUSE filesystem may not answer, and its owners are
 * what it says.
 */
export function tryOpenUnmounted(parent: number, name: ByteString): number {
  const fd = tryOpenat2(parent, name, DIRECTORY, RESOLVE.NO_XDEV | RESOLVE.NO_MAGICLINKS);
  return fd === -E.ENOSYS || fd === -E.EPERM ? tryOpenat(parent, name, DIRECTORY) : fd;
}

/** True if the process's user owns an open directory. */
export function isOurs(fd: number): boolean {
  const stat = new StatBuffer();
  statFd(fd, stat);
  return stat.uid === process.geteuid?.();
}

/** True if users other than root and the owner may give entries of an open directory another name. */
export function othersMayRename(fd: number): boolean {
  const stat = new StatBuffer();
  statFd(fd, stat);
  return (stat.mode & 0o1002) === 0o0002;
}

/** True if the name still leads to the open directory. */
export function isInPlace({ parent, name, fd }: NamedDirectory): boolean {
  return isNamed(parent, name, fd);
}

/** Names in an open directory. @throws SystemError */
export function namesIn(fd: number): ByteString[] {
  const again = openat(fd, '.', O.RDONLY | O.DIRECTORY);
  try {
    return readDirectory(again).map(({ name }) => name);
  } finally {
    close(again);
  }
}

/**
 * Removes entries of an open directory with all below them. Names that are gone already are passed over.
 *
 * @throws SystemError; EBUSY for an entry with a mount in it
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
