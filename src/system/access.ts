import { chmodOpened } from './attributes.js';
import type { ByteString } from './bytes.js';
import { E, isErrno, SystemError } from './errno.js';
import * as files from './files.js';
import { AT_FDCWD, close, O } from './files.js';
import { check } from './libc.js';
import { maxSymlinks } from './path-limits.js';
import { componentsReversed } from './paths.js';
import { forgetMode, isPrivileged, lockModes, saveMode } from './saved-modes.js';
import * as stats from './stat.js';
import { StatBuffer, statFd } from './stat.js';

/**
 * Access of a user without privileges to own files whose modes deny it, such as /etc/shadow with mode 0000.
 *
 * Without CAP_DAC_OVERRIDE only a change of the mode helps. The change lasts for one system call and adds rights of the
 * owner only. A record of it survives a kill: see restoreModes.
 */

const ownUser = process.geteuid?.();
/** Seconds that a call with a changed mode may take, at most. */
const longestCall = 60;

/** The rights that the owner needs for a call. */
export interface Rights {
  file: number;
  directory: number;
}

/** To read files, and to list directories and look up names in them. */
export const reading: Rights = { file: 0o400, directory: 0o500 };
/** To set attributes of files, and to add and remove names. */
export const writing: Rights = { file: 0o600, directory: 0o700 };

/** Does the same as openat of files.js for a file that is read, also if modes deny it. */
export function openat(dirfd: number, path: ByteString, flags: number): number {
  return withAccess(dirfd, path, () => files.openat(dirfd, path, flags));
}

/** Does the same as {@link openat}, but returns a negative errno. */
export function tryOpenat(dirfd: number, path: ByteString, flags: number): number {
  return tryWithAccess(dirfd, path, () => files.tryOpenat(dirfd, path, flags));
}

/** Does the same as statAt of stat.js, also if modes deny it. The mode is never one that was changed for a moment. */
export function statAt(dirfd: number, path: ByteString, out: StatBuffer): boolean {
  const stat = () => stats.statAt(dirfd, path, out);
  return withAccess(dirfd, path, () => {
    const isFound = stat();
    return isFound && mayBeChanged(out) ? lockModes('shared', stat) : isFound;
  });
}

/** True if another thread or process of this user may just have changed the mode. A change of the mode sets the ctime. */
function mayBeChanged({ uid, ctimeSec }: StatBuffer): boolean {
  return !isPrivileged && uid === ownUser && Math.abs(Date.now() / 1000 - ctimeSec) < longestCall;
}

/** Does the same as readlinkat of files.js, also if modes deny it. */
export function readlinkat(dirfd: number, path: ByteString): ByteString {
  return withAccess(dirfd, path, () => files.readlinkat(dirfd, path));
}

/**
 * Runs a system call on a path. If the call fails with EACCES, gives the owner rights to the directories on the way, or to
 * the file, and runs the call again. All modes are restored before this function returns.
 *
 * @param dirfd open directory that may itself deny access, or AT_FDCWD
 * @param path relative to `dirfd`, or `/proc/self/fd/N/NAME`; '': the file open as `dirfd`. No symlink is followed,
 *   except root's on the way to a path of AT_FDCWD
 * @param call synchronous; throws a SystemError or an error of node:fs
 * @throws the error of `call`
 */
export function withAccess<T>(dirfd: number, path: ByteString, call: () => T, rights = reading): T {
  try {
    return call();
  } catch (error) {
    if (!isErrno(error, 'EACCES')) throw error;
    return callAgain(call, error, { dirfd, path, rights });
  }
}

/** Does the same as {@link withAccess} for a call that returns a negative errno. */
export function tryWithAccess(dirfd: number, path: ByteString, call: () => number, rights = reading): number {
  const done = call();
  if (done !== -E.EACCES) return done;
  const checked = () => check(call(), 'access', path);
  try {
    return callAgain(checked, new SystemError(E.EACCES, 'access', path), { dirfd, path, rights });
  } catch (error) {
    if (error instanceof SystemError) return -error.errno;
    throw error;
  }
}

function callAgain<T>(
  call: () => T,
  denied: unknown,
  { dirfd, path, rights }: { dirfd: number; path: ByteString; rights: Rights },
): T {
  const [, fd = dirfd, name = path] = /^\/proc\/self\/fd\/(\d+)\/?(.*)$/s.exec(path) ?? [];
  return lockModes('exclusive', () => new Way(rights).run(Number(fd), name, call, denied));
}

/** A file whose mode was changed. */
interface Widened {
  fd: number;
  mode: number;
  record: ByteString | null;
}

/** The files on the way to one path. */
class Way {
  readonly #rights: Rights;
  readonly #stat = new StatBuffer();
  readonly #widened: Widened[] = [];
  /** descriptors to close */
  readonly #opened: number[] = [];

  constructor(rights: Rights) {
    this.#rights = rights;
  }

  /** Runs `call` again after each change of a mode. @throws `denied` if that does not help, and the errors of `call` */
  run<T>(dirfd: number, path: ByteString, call: () => T, denied: unknown): T {
    try {
      for (const fd of this.#files(dirfd, path)) {
        if (!this.#widen(fd)) continue;
        try {
          return call();
        } catch (error) {
          if (!isErrno(error, 'EACCES')) throw error;
        }
      }
      throw denied;
    } finally {
      try {
        this.#restore();
      } finally {
        for (const fd of this.#opened) close(fd);
      }
    }
  }

  /** Yields the files on the way, each open, until one cannot be opened. */
  *#files(dirfd: number, path: ByteString): Generator<number> {
    const root = () => this.#open(AT_FDCWD, '/');
    let at = dirfd;
    if (dirfd === AT_FDCWD) at = path.startsWith('/') ? root() : this.#open(AT_FDCWD, '.');
    yield at;
    const todo = componentsReversed(path);
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      const fd = this.#open(at, name);
      if (fd < 0) return;
      statFd(fd, this.#stat);
      if (!this.#stat.isSymlink) {
        at = fd;
        yield fd;
        continue;
      }
      // a container makes symlinks as this user or as a subordinate user
      const isSafe = dirfd === AT_FDCWD && this.#stat.uid === 0 && ownUser !== 0;
      if (!isSafe || todo.length === 0 || ++links > maxSymlinks) return;
      const target = files.readlinkat(fd, '');
      if (target.startsWith('/')) at = root();
      todo.push(...componentsReversed(target));
    }
  }

  /** Opens a file for its stat and mode. Returns the descriptor or a negative errno. */
  #open(dirfd: number, name: ByteString): number {
    const fd = files.tryOpenat(dirfd, name, O.PATH | O.NOFOLLOW);
    if (fd >= 0) this.#opened.push(fd);
    return fd;
  }

  /** Gives the owner the rights to an open file. @returns false if it cannot get them, or could not restore the mode */
  #widen(fd: number): boolean {
    const stat = this.#stat;
    statFd(fd, stat);
    const { mode } = stat;
    const wider = mode | (stat.isDirectory ? this.#rights.directory : stat.isFile ? this.#rights.file : 0);
    if (stat.uid !== ownUser || wider === mode || losesSetgid(stat)) return false;
    const record = saveMode(fd, stat, wider);
    try {
      chmodOpened(fd, wider);
    } catch (error) {
      forgetMode(record);
      if (error instanceof SystemError) return false;
      throw error;
    }
    this.#widened.push({ fd, mode, record });
    return true;
  }

  #restore(): void {
    const last = this.#widened.pop();
    if (last === undefined) return;
    try {
      chmodOpened(last.fd, last.mode);
      forgetMode(last.record);
    } finally {
      this.#restore();
    }
  }
}

/** True if a chmod by this user would clear the setgid bit; chmod(2). */
function losesSetgid({ mode, gid }: StatBuffer): boolean {
  return (mode & 0o2000) !== 0 && gid !== process.getegid?.() && !process.getgroups?.().includes(gid);
}
