import { createHash, randomBytes } from 'node:crypto';
import { constants, fsyncSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fchmod } from './attributes.js';
import { type ByteString, fromText, toBuffer } from './bytes.js';
import { closeOnError } from './close-on-error.js';
import { E, SystemError } from './errno.js';
import { close, closeWritten, mkdirat, O, openat, renameat2, S, tryOpenat, writeAll } from './files.js';
import { flock } from './lock.js';
import { readDirectory } from './readdir.js';
import { tryRemoveTreeAt } from './remove.js';
import { isNamed, StatBuffer, statAt, statFd } from './stat.js';

/** A file or directory with a name that others cannot guess. It stays locked until `fd` is closed. */
export interface Temporary {
  /** the open directory that contains it */
  directory: number;
  name: ByteString;
  /** a file is open for writing, a directory for reading */
  fd: number;
}

const maxAttempts = 100;

/**
 * Creates a temporary file or directory in an open directory that others may write to. {@link publishTemporary} renames
 * it to `final`, {@link discardTemporary} removes it, and {@link sweepTemporaries} removes leftovers of killed processes.
 *
 * @param mode permission bits of a file, before the umask; a directory gets 0700
 * @throws SystemError
 */
export function createTemporary(
  directory: number,
  final: ByteString,
  type: 'file' | 'directory',
  mode = 0o644,
): Temporary {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const name = `${prefixOf(final)}${randomBytes(8).toString('hex')}.tmp`;
    const fd = type === 'file' ? createFile(directory, name, mode) : createDirectory(directory, name);
    // a sweep of another process may have removed it first
    if (closeOnError(fd, () => lock(fd) !== 'taken' && isNamed(directory, name, fd)))
      return { directory, name, fd };
    close(fd);
  }
  throw new SystemError(E.EBUSY, 'openat', final);
}

/**
 * Renames a temporary file or directory to `final` in its directory, and flushes the directory. Replaces an existing
 * `final` as rename(2) does: the symlink itself, or one of the names of a file with hardlinks.
 *
 * @throws SystemError
 */
export function publishTemporary({ directory, name }: Temporary, final: ByteString): void {
  renameat2(directory, name, directory, final, 0);
  fsyncSync(directory);
}

/** Removes and closes a temporary file or directory. @throws SystemError */
export function discardTemporary({ directory, name, fd }: Temporary): void {
  try {
    const done = tryRemoveTreeAt(directory, name);
    if (done < 0 && done !== -E.ENOENT) throw new SystemError(-done, 'unlinkat', name);
  } finally {
    close(fd);
  }
}

/** Removes temporary files for `final` that killed processes left. Files that cannot be removed stay for the next sweep. */
export function sweepTemporaries(directory: number, final: ByteString): void {
  const prefix = prefixOf(final);
  // a separate descriptor: reading the entries moves its position
  const listing = openat(directory, '.', O.RDONLY | O.DIRECTORY);
  try {
    for (const { name } of readDirectory(listing))
      if (name.startsWith(prefix) && name.endsWith('.tmp')) sweepOne(directory, name);
  } finally {
    close(listing);
  }
}

/**
 * Makes a file or directory that appears whole or not at all, and durably. Replaces an existing file. First removes what
 * killed commands have left of the same path.
 *
 * @param path follows symlinks in all components but the last
 * @param fill writes the content of the open file or directory
 * @param mode permission bits, before the umask
 * @throws SystemError, errors of node:fs and of `fill`
 */
export async function makeWhole(
  path: string,
  type: 'file' | 'directory',
  fill: (fd: number) => unknown,
  mode = type === 'file' ? 0o644 : 0o755,
): Promise<void> {
  const name = fromText(basename(path));
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    sweepTemporaries(directory, name);
    const temporary = createTemporary(directory, name, type, mode);
    try {
      await fill(temporary.fd);
      if (type === 'directory') fchmod(temporary.fd, mode & ~process.umask(), temporary.name);
      fsyncSync(temporary.fd);
      publishTemporary(temporary, name);
    } catch (error) {
      discardTemporary(temporary);
      throw error;
    }
    closeWritten(temporary.fd, fromText(path));
  } finally {
    close(directory);
  }
}

/**
 * Writes a file atomically and durably: a temporary name, fsync, rename. Replaces an existing file without opening it;
 * {@link irreplaceable} tells which files to keep.
 *
 * @param directory an open directory, which others may write to
 * @param mode permission bits; the umask does not apply
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
  } catch (error) {
    discardTemporary(temporary);
    throw error;
  }
  closeWritten(temporary.fd, name);
}

/**
 * Returns what a new file must not replace under a name: `a directory`, `a device`, `a FIFO` or `a socket`.
 *
 * @returns null if the name is missing, a regular file or a symlink
 * @throws SystemError
 */
export function irreplaceable(directory: number, name: ByteString): string | null {
  const stat = new StatBuffer();
  if (!statAt(directory, name, stat) || stat.isFile || stat.isSymlink) return null;
  if (stat.isDirectory) return 'a directory';
  if (stat.type === S.IFIFO) return 'a FIFO';
  return stat.type === S.IFSOCK ? 'a socket' : 'a device';
}

/** Returns the prefix of temporary names for `final`. Uses a hash of the name, since names are limited to 255 bytes. */
function prefixOf(final: ByteString): string {
  return `.layerhook-${createHash('sha256').update(toBuffer(final)).digest('hex').slice(0, 12)}-`;
}

function createFile(directory: number, name: ByteString, mode: number): number {
  return openat(directory, name, O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW, mode);
}

function createDirectory(directory: number, name: ByteString): number {
  mkdirat(directory, name, 0o700);
  const fd = openat(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  return closeOnError(fd, () => {
    const stat = new StatBuffer();
    statFd(fd, stat, name);
    if (stat.uid === process.geteuid!()) return fd;
    // the owner of the parent has replaced the new directory
    throw new SystemError(E.EACCES, 'openat', name);
  });
}

/** Locks a file. `none`: the filesystem does not support locks. */
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
  // NONBLOCK: a FIFO may have replaced the file
  const fd = tryOpenat(directory, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
  if (fd < 0) return;
  try {
    if (lock(fd) === 'ours') tryRemoveTreeAt(directory, name);
  } finally {
    close(fd);
  }
}
