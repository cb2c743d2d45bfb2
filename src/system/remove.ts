import { fchmod, fchmodat } from './attributes.js';
import { type ByteString, fromText } from './bytes.js';
import { Descent } from './descent.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, AT_REMOVEDIR, close, O, tryOpenat, tryUnlinkat } from './files.js';
import { type DirectoryEntry, DT, readDirectory } from './readdir.js';

/**
 * Removes a file or a directory with all below it, whatever the modes of directories that are ours, and at any depth.
 * Symlinks are removed, not followed, also when someone puts one in the place of a directory meanwhile. What is mounted
 * below stays, and with it the directories above: EBUSY.
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
  const done = tryRemove(dirfd, name, DT.UNKNOWN);
  if (!isNotEmpty(done)) return done;
  const fd = tryOpenOwn(dirfd, name);
  if (fd < 0) return fd;
  try {
    const emptied = tryEmptyDirectory(fd);
    return emptied < 0 ? emptied : tryUnlinkat(dirfd, name, AT_REMOVEDIR);
  } finally {
    close(fd);
  }
}

/** A directory that is being emptied. */
interface Level {
  name: ByteString;
  entries: DirectoryEntry[];
  /** entries before this one are gone */
  next: number;
}

/** Removes all that is in an open directory, as {@link removeTree} does: 0, or a negative errno. */
export function tryEmptyDirectory(fd: number): number {
  const descent = new Descent(fd);
  const levels: Level[] = [{ name: '.', entries: readDirectory(fd), next: 0 }];
  try {
    while (levels.length > 0) {
      const level = levels.at(-1)!;
      const entry = level.entries[level.next++];
      const done = entry === undefined ? leave(descent, levels) : removeEntry(descent, levels, entry);
      if (done < 0 && done !== -E.ENOENT) return done;
    }
    return 0;
  } finally {
    descent.close();
  }
}

/** Goes up from a directory that is empty now, and removes it. */
function leave(descent: Descent, levels: Level[]): number {
  const { name } = levels.pop()!;
  if (levels.length === 0) return 0;
  const left = descent.leave();
  // ENOENT means that it is gone only when it is said of the directory itself
  if (left < 0) return left === -E.ENOENT ? -E.ESTALE : left;
  return tryUnlinkat(descent.fd, name, AT_REMOVEDIR);
}

/** Removes an entry; goes down into it where it is a directory with something in it. */
function removeEntry(descent: Descent, levels: Level[], { name, type }: DirectoryEntry): number {
  let done = tryRemove(descent.fd, name, type);
  if (done === -E.EACCES) {
    fchmod(descent.fd, 0o700, name);
    done = tryRemove(descent.fd, name, type);
  }
  if (!isNotEmpty(done)) return done;
  const fd = tryOpenOwn(descent.fd, name);
  if (fd < 0) return fd;
  descent.push(fd);
  levels.push({ name, entries: readDirectory(fd), next: 0 });
  return 0;
}

/** Removes a file or an empty directory: 0, or a negative errno. `type`, one of {@link DT}, only saves a call. */
function tryRemove(dirfd: number, name: ByteString, type: number): number {
  const unlinked = type === DT.DIR ? -E.EISDIR : tryUnlinkat(dirfd, name);
  // what Linux says of directories, and what POSIX does
  if (unlinked !== -E.EISDIR && unlinked !== -E.EPERM) return unlinked;
  const removed = tryUnlinkat(dirfd, name, AT_REMOVEDIR);
  if (removed !== -E.ENOTDIR) return removed;
  return type === DT.DIR ? tryUnlinkat(dirfd, name) : unlinked;
}

function isNotEmpty(done: number): boolean {
  return done === -E.ENOTEMPTY || done === -E.EEXIST;
}

/** Opens a directory that is to go, whatever its mode. */
function tryOpenOwn(dirfd: number, name: ByteString): number {
  const flags = O.DIRECTORY | O.NOFOLLOW;
  const fd = tryOpenat(dirfd, name, O.RDONLY | flags);
  if (fd !== -E.EACCES) return fd;
  const closed = tryOpenat(dirfd, name, O.PATH | flags);
  if (closed < 0) return closed;
  try {
    // by descriptor: a symlink may have taken the name since
    fchmodat(AT_FDCWD, `/proc/self/fd/${closed}`, 0o700);
    return tryOpenat(closed, '.', O.RDONLY | O.DIRECTORY);
  } finally {
    close(closed);
  }
}
