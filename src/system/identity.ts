import { type BigIntStats, fstatSync, statSync } from 'node:fs';
import type { ByteString } from './bytes.js';
import { E, isErrno } from './errno.js';
import { close, O, tryOpenat } from './files.js';
import { check } from './libc.js';

/**
 * Returns the identity of an open file (also with O_PATH): `INODE:BIRTH`, with the creation time in nanoseconds, empty if the
 * filesystem does not record it. The identity survives a rename and a new mount of the filesystem. A copy has another one, and
 * also a later file with the same inode number. The device number is left out: it changes with a reboot, and with each mount of
 * a btrfs.
 */
export function fileIdentity(fd: number): string {
  return identity(fstatSync(fd, { bigint: true }));
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

/** Returns the {@link fileIdentity} of a path, following symlinks; null if it is missing. @throws the error of stat(2) */
export function identityOfPath(path: string): string | null {
  try {
    return identity(statSync(path, { bigint: true }));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

function identity({ ino, birthtimeNs }: BigIntStats): string {
  return `${ino}:${birthtimeNs === 0n ? '' : birthtimeNs}`;
}
