import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { fromText } from '../../system/bytes.js';
import { closeOnError } from '../../system/close-on-error.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_REMOVEDIR, close, unlinkat } from '../../system/files.js';
import { check } from '../../system/libc.js';
import { tryLockNamed } from '../../system/lock.js';
import {
  isInPlace,
  isOurs,
  type NamedDirectory,
  namesIn,
  openParent,
  othersMayRename,
  removeEntries,
  tryOpenDirectory,
  tryOpenUnmounted,
} from '../../system/named-directory.js';

type LockOperation = 'shared' | 'exclusive';

/** How the private directories inside the directory of a bundle begin. */
export const insidePrefix = '.layerhook-';

/** Length of a file name, NAME_MAX of limits.h. */
const maxNameBytes = 255;

/** How the private directories beside `path` begin that become it, or were it. */
export function privatePrefix(path: string): string {
  const name = basename(path);
  const rest = 'XXXXXX.layerhook-.'.length;
  if (Buffer.byteLength(name) <= maxNameBytes - rest) return `.${name}.layerhook-`;
  return `.${createHash('sha256').update(name).digest('hex')}.layerhook-`;
}

/** True if `name` is `prefix` with six characters more, as mkdtemp(3) makes it. */
export function isPrivateName(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && /^[A-Za-z0-9]{6}$/.test(name.slice(prefix.length));
}

/** A private directory; `path` leads to it until the directory is renamed. */
export interface PrivatePlace extends NamedDirectory {
  path: string;
}

/**
 * Makes a private directory (mode 0700) in the directory `parent`, open and locked.
 *
 * @throws LayerhookError NO_SPACE, SYSTEM
 */
export function makePrivate(parent: string, prefix: string): PrivatePlace {
  let parentFd: number | undefined;
  try {
    parentFd = openParent(fromText(parent));
    for (;;) {
      const path = mkdtempSync(join(parent, prefix));
      const name = fromText(basename(path));
      const fd = tryOpenUnmounted(parentFd, name);
      // the sweep of another process may have been quicker
      if (fd === -E.ENOENT) continue;
      if (fd < 0) throw new SystemError(-fd, 'openat', name);
      const place = lock(parentFd, name, fd);
      if (place !== null) return { ...place, path };
    }
  } catch (error) {
    if (parentFd !== undefined) close(parentFd);
    throw fsError(error, `cannot make a directory in ${parent}`);
  }
}

/**
 * Removes what killed processes of this user left in `parent`: its directories whose names begin with `prefix` and that no
 * process has locked. Other files with such names stay, and so do files that cannot be removed.
 *
 * @returns how many directories were removed
 */
export async function sweep(parent: string, prefix: string): Promise<number> {
  const names = listNames(parent).filter((name) => isPrivateName(name, prefix));
  if (names.length === 0) return 0;
  const parentFd = openParent(fromText(parent));
  try {
    // there another user can give such a name to any directory of ours
    if (othersMayRename(parentFd)) return 0;
    let removed = 0;
    for (const name of names) if (await sweepOne(parentFd, fromText(name))) removed++;
    return removed;
  } finally {
    close(parentFd);
  }
}

async function sweepOne(parentFd: number, name: string): Promise<boolean> {
  const fd = tryOpenUnmounted(parentFd, name);
  if (fd < 0) return false;
  if (!closeOnError(fd, isOurs)) {
    close(fd);
    return false;
  }
  const place = lock(parentFd, name, fd);
  if (place === null) return false;
  try {
    await removePrivate(place);
    return true;
  } catch {
    return false;
  } finally {
    close(fd);
  }
}

/**
 * Opens and locks the directory of a bundle.
 *
 * @param operation default: `exclusive`
 * @returns null if another process has locked it
 * @throws SystemError ENOTDIR for a symlink too
 */
export function lockBundle(path: string, operation?: LockOperation): NamedDirectory | null {
  const parent = openParent(fromText(dirname(path)));
  const name = fromText(basename(path)) || '.';
  const place = closeOnError(parent, () => {
    const fd = check(tryOpenDirectory(parent, name), 'openat', fromText(path));
    return lock(parent, name, fd, operation);
  });
  if (place === null) close(parent);
  return place;
}

/** Gives up the lock on a directory. */
export function closePlace({ fd, parent }: NamedDirectory): void {
  close(fd);
  close(parent);
}

/** Removes a directory of this user with all below it. What is mounted there is unmounted, never emptied. */
export async function removePrivate(place: NamedDirectory): Promise<void> {
  try {
    removeWhole(place);
  } catch (error) {
    if (errorCode(error) !== 'EBUSY') throw error;
    const { unmountBelow } = await import('../../overlay/mount.js');
    await unmountBelow(place.fd);
    removeWhole(place);
  }
}

function removeWhole(place: NamedDirectory): void {
  removeEntries(place.fd, namesIn(place.fd));
  // another directory may have its name meanwhile: rmdir(2) removes an empty one only
  if (isInPlace(place)) unlinkat(place.parent, place.name, AT_REMOVEDIR);
}

/** Locks an open directory, or closes it: null if another process has locked it, or if it has lost its name. */
function lock(parent: number, name: string, fd: number, operation?: LockOperation): NamedDirectory | null {
  if (closeOnError(fd, () => tryLockNamed(fd, parent, name, operation))) return { parent, name, fd };
  close(fd);
  return null;
}

/** Names in a directory; none if it cannot be read. */
export function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
