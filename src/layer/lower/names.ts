import { openat, statAt } from '../../system/access.js';
import type { ByteString } from '../../system/bytes.js';
import { AT_FDCWD, close, O } from '../../system/files.js';
import { readDirectory } from '../../system/readdir.js';
import { StatBuffer } from '../../system/stat.js';

/** Returns true if there is a file at a path, relative to an open directory. @throws SystemError */
export function isThere(dirfd: number, path: ByteString): boolean {
  return statAt(dirfd, path, new StatBuffer());
}

/** Returns the names in an open directory. @throws SystemError */
export function namesIn(fd: number): Set<ByteString> {
  return new Set(readDirectory(fd).map(({ name }) => name));
}

/** Returns the names in the directory at an absolute path. @throws SystemError */
export function namesAt(path: ByteString): Set<ByteString> {
  const fd = openat(AT_FDCWD, path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    return namesIn(fd);
  } finally {
    close(fd);
  }
}
