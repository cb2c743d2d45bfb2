import { basename, dirname } from 'node:path';
import {
  type ByteString,
  close,
  Descent,
  type DirectoryEntry,
  DT,
  E,
  fromText,
  O,
  readDirectory,
  StatBuffer,
  SystemError,
  statAt,
  statFd,
  tryOpenat,
  tryRemoveTreeAt,
} from 'layerhook/system';
import { rootInode, setReadOnly, tryDestroyAt, withDirectory } from './subvolume.js';

/**
 * Deletes a subvolume with the subvolumes inside it. A user without the right to delete subvolumes (without root, it needs
 * the mount option user_subvol_rm_allowed) deletes its files one by one: rmdir(2) removes an empty subvolume.
 *
 * @throws SystemError
 */
export function deleteSubvolume(path: string): void {
  const done = withDirectory(dirname(path), (fd) => {
    const name = fromText(basename(path));
    const destroyed = tryDelete(fd, name);
    if (destroyed !== -E.EPERM && destroyed !== -E.EACCES) return destroyed;
    setReadOnly(path, false);
    return tryRemoveTreeAt(fd, name);
  });
  if (done < 0 && done !== -E.ENOENT) throw new SystemError(-done, 'ioctl', fromText(path));
}

function tryDelete(dirfd: number, name: ByteString): number {
  const done = tryDestroyAt(dirfd, name);
  if (done !== -E.ENOTEMPTY) return done;
  deleteNested(dirfd, name);
  return tryDestroyAt(dirfd, name);
}

/** A directory on the way of the search for nested subvolumes. */
interface Level {
  name: ByteString;
  entries: DirectoryEntry[];
  next: number;
  isSubvolume: boolean;
  device: string;
}

/** Deletes the subvolumes below a directory, the deepest first. Other filesystems that are mounted there are left alone. */
function deleteNested(dirfd: number, name: ByteString): void {
  const fd = tryOpenat(dirfd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) return;
  const descent = new Descent(fd);
  const stat = new StatBuffer();
  const levels = [beginLevel(fd, name, false)];
  try {
    for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
      const entry = level.entries[level.next++];
      if (entry === undefined) {
        levels.pop();
        if (levels.length === 0 || descent.leave() < 0) return;
        if (level.isSubvolume) tryDestroyAt(descent.fd, level.name);
        continue;
      }
      if (entry.type !== DT.DIR || !statAt(descent.fd, entry.name, stat)) continue;
      const isSubvolume = stat.ino === BigInt(rootInode);
      if (
        isSubvolume ? tryDestroyAt(descent.fd, entry.name) !== -E.ENOTEMPTY : deviceOf(stat) !== level.device
      )
        continue;
      if (descent.enter(entry.name) === 0) levels.push(beginLevel(descent.fd, entry.name, isSubvolume));
    }
  } finally {
    descent.close();
    close(fd);
  }
}

function beginLevel(fd: number, name: ByteString, isSubvolume: boolean): Level {
  const stat = new StatBuffer();
  statFd(fd, stat);
  return { name, entries: readDirectory(fd), next: 0, isSubvolume, device: deviceOf(stat) };
}

function deviceOf({ devMajor, devMinor }: StatBuffer): string {
  return `${devMajor}:${devMinor}`;
}
