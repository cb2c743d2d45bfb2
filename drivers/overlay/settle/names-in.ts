import type { ByteString } from 'layerhook';
import { AT_FDCWD, close, O, openat, readDirectory } from 'layerhook/system';

/** Names in a directory. @param path absolute @throws SystemError */
export function namesIn(path: ByteString): ByteString[] {
  const fd = openat(AT_FDCWD, path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    return readDirectory(fd).map(({ name }) => name);
  } finally {
    close(fd);
  }
}
