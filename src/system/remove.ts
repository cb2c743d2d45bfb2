import { chmodOpened, fchmod } from './attributes.js';
import { type ByteString, fromText } from './bytes.js';
import { Descent } from './descent.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, AT_REMOVEDIR, close, O, openat, tryOpenat, tryUnlinkat } from './files.js';
import { type DirectoryEntry, DT, readDirectory } from './readdir.js';

/** Removed entries between two reports: a report for each would cost more than it tells. */
const entriesPerReport = 64;

/** Receives how many entries of a tree are removed so far. */
export type OnRemoved = (entries: number) => void;

/**
 * Removes a file or a directory tree of any depth, also if the modes of its own directories forbid it. Removes symlinks
 * without following them, even if another process replaces a directory with a symlink during the removal. Mounts below
 * stay, with the directories above them: EBUSY.
 *
 * node's rmSync fails on directories of mode 0 and on trees that are too deep for its stack.
 *
 * @param onRemoved called after each 64 removed entries
 * @returns false if the path did not exist
 * @throws SystemError
 */
export function removeTree(path: string, onRemoved?: OnRemoved): boolean {
  const done = tryRemoveTreeAt(AT_FDCWD, fromText(path), onRemoved);
  if (done < 0 && done !== -E.ENOENT) throw new SystemError(-done, 'unlinkat', fromText(path));
  return done === 0;
}

/** Removes everything in a directory, as {@link removeTree} does. @throws SystemError */
export function emptyDirectory(path: string): void {
  const fd = openat(AT_FDCWD, fromText(path), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    const done = tryEmptyDirectory(fd);
    if (done < 0) throw new SystemError(-done, 'unlinkat', fromText(path));
  } finally {
    close(fd);
  }
}

/** Does the same as {@link removeTree} in an open directory. Returns 0 or a negative errno. */
export function tryRemoveTreeAt(dirfd: number, name: ByteString, onRemoved?: OnRemoved): number {
  const done = tryRemove(dirfd, name, DT.UNKNOWN);
  if (!isNotEmpty(done)) return done;
  const fd = tryOpenOwn(dirfd, name);
  if (fd < 0) return fd;
  try {
    const emptied = tryEmptyDirectory(fd, onRemoved);
    return emptied < 0 ? emptied : tryUnlinkat(dirfd, name, AT_REMOVEDIR);
  } finally {
    close(fd);
  }
}

/** A directory that is being emptied. */
interface Level {
  name: ByteString;
  entries: DirectoryEntry[];
  /** index of the next entry to remove */
  next: number;
}

/** Removes all entries of an open directory, as {@link removeTree} does. Returns 0 or a negative errno. */
export function tryEmptyDirectory(fd: number, onRemoved?: OnRemoved): number {
  const descent = new Descent(fd);
  const levels: Level[] = [{ name: '.', entries: readDirectory(fd), next: 0 }];
  let count = 0;
  try {
    while (levels.length > 0) {
      const level = levels.at(-1)!;
      const entry = level.entries[level.next++];
      const done = entry === undefined ? leave(descent, levels) : removeEntry(descent, levels, entry);
      if (done < 0 && done !== -E.ENOENT) return done;
      // a directory counts when it is entered
      if (entry !== undefined && ++count % entriesPerReport === 0) onRemoved?.(count);
    }
    return 0;
  } finally {
    descent.close();
  }
}

/** Goes up from an emptied directory, and removes it. */
function leave(descent: Descent, levels: Level[]): number {
  const { name } = levels.pop()!;
  if (levels.length === 0) return 0;
  const left = descent.leave();
  // ENOENT for `..` does not mean that the directory is gone
  if (left < 0) return left === -E.ENOENT ? -E.ESTALE : left;
  return tryUnlinkat(descent.fd, name, AT_REMOVEDIR);
}

/** Removes an entry, or goes down into it if it is a directory with entries. */
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

/** Removes a file or an empty directory. Returns 0 or a negative errno. `type` (one of {@link DT}) only saves a call. */
function tryRemove(dirfd: number, name: ByteString, type: number): number {
  const unlinked = type === DT.DIR ? -E.EISDIR : tryUnlinkat(dirfd, name);
  // unlinking a directory: EISDIR on Linux, EPERM in POSIX
  if (unlinked !== -E.EISDIR && unlinked !== -E.EPERM) return unlinked;
  const removed = tryUnlinkat(dirfd, name, AT_REMOVEDIR);
  if (removed !== -E.ENOTDIR) return removed;
  return type === DT.DIR ? tryUnlinkat(dirfd, name) : unlinked;
}

function isNotEmpty(done: number): boolean {
  return done === -E.ENOTEMPTY || done === -E.EEXIST;
}

/** Opens a directory that will be removed, even if its mode forbids it. */
function tryOpenOwn(dirfd: number, name: ByteString): number {
  const flags = O.DIRECTORY | O.NOFOLLOW;
  const fd = tryOpenat(dirfd, name, O.RDONLY | flags);
  if (fd !== -E.EACCES) return fd;
  const closed = tryOpenat(dirfd, name, O.PATH | flags);
  if (closed < 0) return closed;
  try {
    // by descriptor: a symlink may have replaced the name
    chmodOpened(closed, 0o700);
    return tryOpenat(closed, '.', O.RDONLY | O.DIRECTORY);
  } finally {
    close(closed);
  }
}
