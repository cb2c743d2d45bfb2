import { fstatSync } from 'node:fs';
import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { close, O, tryOpenat } from './files.js';
import { check } from './libc.js';

/**
 * Returns the identity of an open file (also with O_PATH), which differs even from a later file with the same inode
 * number: `DEVICE:INODE:BIRTH`, with the creation time in nanoseconds.
 */
export function fileIdentity(fd: number): string {
  const { dev, ino, birthtimeNs } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}:${birthtimeNs}`;
}

/** Returns the {@link fileIdentity} of a name, without following a symlink; null if it is missing. @throws SystemError */
export function identityAt(directory: number, name: ByteString): string | null {
  const fd = tryOpenat(directory, name, O.PATH | O.NOFOLLOW);
  if (fd === -E.ENOENT) return null;
  check(fd, 'openat', name);
  try {
    return fileIdentity(fd);
  } finally {
    close(fd);
  }
}
