import { chmodOpened } from './attributes.js';
import type { ByteString } from './bytes.js';
import { CAP, hasCapability } from './capabilities.js';
import { closeOnError } from './close-on-error.js';
import { E, isErrno, SystemError } from './errno.js';
import { AT_FDCWD, close, O, readlinkat, symlinkat, tryMkdirat, tryOpenat, tryUnlinkat } from './files.js';
import { flock } from './lock.js';
import { readDirectory } from './readdir.js';
import { StatBuffer, statFd } from './stat.js';
import { outerUser } from './user-namespace.js';

/** Where this user's records are: the first place that can be written to. They do not depend on the environment. */
const places = ['/var/tmp', '/tmp'].map((base) => `${base}/layerhook-modes-${outerUser()}`);
const ownUser = process.geteuid!();
/** True if modes deny this process nothing. */
export const isPrivileged = hasCapability(CAP.DAC_OVERRIDE);

/** The directory of records, open for this thread; negative if it cannot be made. */
let records: number | undefined;
/** True while this thread has the lock. */
let isLocked = false;

process.on('exit', () => {
  if (records !== undefined && records >= 0) close(records);
});

/**
 * Runs a call while no other thread or process of this user changes modes for a moment (`shared`), so that this one may
 * (`exclusive`). Without a directory of records it runs without a lock.
 *
 * @throws LayerhookError SYSTEM
 */
export function lockModes<T>(operation: 'shared' | 'exclusive', call: () => T): T {
  if (isLocked || (isPrivileged && operation === 'shared')) return call();
  records ??= openRecords();
  if (records < 0) return call();
  flock(records, operation, { wait: true });
  isLocked = true;
  try {
    return call();
  } finally {
    isLocked = false;
    flock(records, 'unlock');
  }
}

/**
 * Records the mode of an open file before it changes for a moment. The record is a symlink, which appears complete or not
 * at all. The caller has the exclusive lock.
 *
 * @param stat of the file
 * @param wider the mode that it gets
 * @returns the record; null if it could not be written
 */
export function saveMode(fd: number, { mode, ino }: StatBuffer, wider: number): ByteString | null {
  if (records === undefined || records < 0) return null;
  // names in the order of time: a file can be reached only while the directories above it are still wider
  const record = String(process.hrtime.bigint()).padStart(20, '0');
  try {
    const path = readlinkat(AT_FDCWD, `/proc/self/fd/${fd}`);
    symlinkat(`${mode} ${wider} ${ino} ${path}`, records, record);
    return record;
  } catch (error) {
    if (error instanceof SystemError) return null;
    throw error;
  }
}

/** Removes a record, after the mode was restored. */
export function forgetMode(record: ByteString | null): void {
  if (record !== null) tryUnlinkat(records!, record);
}

/**
 * Restores the modes of files that killed processes of this user left changed. A file with another mode stays unchanged.
 *
 * @throws SystemError, LayerhookError SYSTEM
 */
export function restoreModes(): void {
  for (const place of places) {
    const directory = openOwn(place);
    if (directory < 0) continue;
    try {
      flock(directory, 'exclusive', { wait: true });
      const names = readDirectory(directory).map(({ name }) => name);
      for (const record of names.sort().reverse()) restoreMode(directory, record);
    } finally {
      close(directory);
    }
  }
}

function restoreMode(directory: number, record: ByteString): void {
  const [, mode, wider, ino, path] = recordFormat.exec(targetOf(directory, record)) ?? [];
  const fd = path === undefined ? -E.ENOENT : tryOpenat(AT_FDCWD, path, O.PATH | O.NOFOLLOW);
  if (fd >= 0) {
    const stat = new StatBuffer();
    try {
      statFd(fd, stat);
      const isChanged = String(stat.ino) === ino && stat.uid === ownUser && stat.mode === Number(wider);
      if (isChanged) chmodOpened(fd, Number(mode));
    } finally {
      close(fd);
    }
  }
  tryUnlinkat(directory, record);
}

const recordFormat = /^(\d+) (\d+) (\d+) (\/.*)$/s;

/** Returns the target of a record; '' if another process has just removed it. */
function targetOf(directory: number, record: ByteString): ByteString {
  try {
    return readlinkat(directory, record);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL')) return '';
    throw error;
  }
}

/** Opens the directory of records, and makes it if it is missing. Returns a negative errno if no place can be used. */
function openRecords(): number {
  let found = -E.ENOENT;
  for (const place of places) {
    tryMkdirat(AT_FDCWD, place, 0o700);
    found = openOwn(place);
    if (found >= 0) break;
  }
  return found;
}

/** Opens a directory of this user alone. Returns a negative errno if it is missing or another user may have made it. */
function openOwn(path: string): number {
  const fd = tryOpenat(AT_FDCWD, path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) return fd;
  const stat = new StatBuffer();
  closeOnError(fd, () => statFd(fd, stat));
  if (stat.uid === ownUser && (stat.mode & 0o077) === 0) return fd;
  close(fd);
  return -E.EACCES;
}
