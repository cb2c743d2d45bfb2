import { createHash, randomBytes } from 'node:crypto';
import { fstatSync, fsyncSync } from 'node:fs';
import { fchmod } from './attributes.js';
import { type ByteString, toBuffer } from './bytes.js';
import { E, SystemError } from './errno.js';
import { close, mkdirat, O, openat, renameat2, S, tryOpenat, writeAll } from './files.js';
import { check } from './libc.js';
import { flock } from './lock.js';
import { readDirectory } from './readdir.js';
import { tryRemoveTreeAt } from './remove.js';
import { isNamed, StatBuffer, statAt, statFd } from './stat.js';

/** A file or directory under a name that others cannot guess, locked as long as `fd` is open. */
export interface Temporary {
  /** the open directory that it is in */
  directory: number;
  name: ByteString;
  /** open for writing, or of a directory for reading */
  fd: number;
}

const ATTEMPTS = 100;

/**
 * Creates a file or a directory in an open directory that others may write to, for what becomes `final` there.
 * {@link publishTemporary} gives it that name, {@link discardTemporary} removes it, {@link sweepTemporaries} removes
 * what killed processes left.
 *
 * @param mode of a file, before the umask; a directory has 0700
 * @throws SystemError
 */
export function createTemporary(
  directory: number,
  final: ByteString,
  type: 'file' | 'directory',
  mode = 0o644,
): Temporary {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const name = `${prefixOf(final)}${randomBytes(8).toString('hex')}.tmp`;
    const fd = type === 'file' ? createFile(directory, name, mode) : createDirectory(directory, name);
    // a sweep of another process may have been quicker
    if (lock(fd) !== 'taken' && isNamed(directory, name, fd)) return { directory, name, fd };
    close(fd);
  }
  throw new SystemError(E.EBUSY, 'openat', final);
}

/**
 * Renames a temporary file or directory to `final` in its directory, which is flushed then. What had the name goes, as
 * with rename(2): a symlink is replaced, a file with other names keeps its content.
 *
 * @throws SystemError
 */
export function publishTemporary({ directory, name }: Temporary, final: ByteString): void {
  renameat2(directory, name, directory, final, 0);
  fsyncSync(directory);
}

/** Removes what has the name of a temporary file or directory, and closes it. @throws SystemError */
export function discardTemporary({ directory, name, fd }: Temporary): void {
  try {
    const done = tryRemoveTreeAt(directory, name);
    if (done < 0 && done !== -E.ENOENT) throw new SystemError(-done, 'unlinkat', name);
  } finally {
    close(fd);
  }
}

/** Removes what killed processes left of `final` in an open directory. What cannot be removed stays for the next time. */
export function sweepTemporaries(directory: number, final: ByteString): void {
  const prefix = prefixOf(final);
  // a descriptor of its own: reading the entries moves its position
  const listing = openat(directory, '.', O.RDONLY | O.DIRECTORY);
  try {
    for (const { name } of readDirectory(listing))
      if (name.startsWith(prefix) && name.endsWith('.tmp')) sweepOne(directory, name);
  } finally {
    close(listing);
  }
}

/**
 * Writes a file so that it is there whole or not at all, and on its disk: a temporary name, fsync, rename. What had the
 * name is replaced, never opened; {@link irreplaceable} says what should stay.
 *
 * @param directory an open directory; others may write to it
 * @param mode permission bits, whatever the umask
 * @throws SystemError, errors of node:fs
 */
export function writeFileAt(
  directory: number,
  name: ByteString,
  content: string | Uint8Array,
  mode: number,
): void {
  const temporary = createTemporary(directory, name, 'file', mode);
  try {
    writeAll(temporary.fd, typeof content === 'string' ? Buffer.from(content) : content, null);
    fchmod(temporary.fd, mode, temporary.name);
    fsyncSync(temporary.fd);
    publishTemporary(temporary, name);
    close(temporary.fd);
  } catch (error) {
    discardTemporary(temporary);
    throw error;
  }
}

/**
 * What has a name that a file would take with rename(2), if that is no file: `a directory`, `a device`, `a FIFO` or
 * `a socket`.
 *
 * @returns null for nothing, a regular file or a symlink
 * @throws SystemError
 */
export function irreplaceable(directory: number, name: ByteString): string | null {
  const stat = new StatBuffer();
  if (!statAt(directory, name, stat) || stat.isFile || stat.isSymlink) return null;
  if (stat.isDirectory) return 'a directory';
  if (stat.type === S.IFIFO) return 'a FIFO';
  return stat.type === S.IFSOCK ? 'a socket' : 'a device';
}

/**
 * Tells an open file (also O_PATH) from all others, also from a later one with the same inode number:
 * `DEVICE:INODE:BIRTH`, the birth in nanoseconds.
 */
export function fileIdentity(fd: number): string {
  const { dev, ino, birthtimeNs } = fstatSync(fd, { bigint: true });
  return `${dev}:${ino}:${birthtimeNs}`;
}

/** The {@link fileIdentity} of what has a name, itself if it is a symlink; null for nothing. @throws SystemError */
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

/** Names may have 255 bytes: a hash stands for the final one. */
function prefixOf(final: ByteString): string {
  return `.layerhook-${createHash('sha256').update(toBuffer(final)).digest('hex').slice(0, 12)}-`;
}

function createFile(directory: number, name: ByteString, mode: number): number {
  return openat(directory, name, O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW, mode);
}

function createDirectory(directory: number, name: ByteString): number {
  mkdirat(directory, name, 0o700);
  const fd = openat(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  const stat = new StatBuffer();
  statFd(fd, stat, name);
  if (stat.uid === process.geteuid!()) return fd;
  close(fd);
  // the owner of the parent has put another one in its place
  throw new SystemError(E.EACCES, 'openat', name);
}

/** `none`: the filesystem has no locks. */
function lock(fd: number): 'ours' | 'taken' | 'none' {
  try {
    return flock(fd, 'exclusive') ? 'ours' : 'taken';
  } catch {
    return 'none';
  }
}

function sweepOne(directory: number, name: ByteString): void {
  const stat = new StatBuffer();
  if (!statAt(directory, name, stat) || !(stat.isFile || stat.isDirectory)) return;
  // NONBLOCK: a FIFO may have taken its place since
  const fd = tryOpenat(directory, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
  if (fd < 0) return;
  try {
    if (lock(fd) === 'ours') tryRemoveTreeAt(directory, name);
  } finally {
    close(fd);
  }
}
