import { basename, dirname } from 'node:path';
import {
  type ByteString,
  close,
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
 * Deletes a subvolume with those that were made in it. Who may not delete subvolumes (without root that takes the
 * mount option user_subvol_rm_allowed) empties it file by file: an empty one goes as a directory does.
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

/** Deletes the subvolumes below a directory, not those of other filesystems that are mounted there. */
function deleteNested(dirfd: number, name: ByteString): void {
  const fd = tryOpenat(dirfd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) return;
  try {
    const own = new StatBuffer();
    const stat = new StatBuffer();
    statFd(fd, own);
    for (const entry of readDirectory(fd)) {
      if (entry.type !== DT.DIR || !statAt(fd, entry.name, stat)) continue;
      if (stat.ino === BigInt(rootInode)) tryDelete(fd, entry.name);
      else if (stat.devMinor === own.devMinor && stat.devMajor === own.devMajor) deleteNested(fd, entry.name);
    }
  } finally {
    close(fd);
  }
}
