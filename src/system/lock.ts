import { constants, openSync, unlinkSync } from 'node:fs';
import { errorCode, fsError, systemWords } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromText, showBytes } from './bytes.js';
import { close } from './close.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD } from './files.js';
import { libcFunction, result } from './libc.js';
import { isNamed } from './stat.js';

const operations = { shared: 1, exclusive: 2, unlock: 8 } as const;
const nonBlocking = 4;
const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;

const libcFlock = libcFunction<[fd: number, operation: number]>('int flock(int, int)');

/**
 * Locks a whole open file or directory against other processes; flock(2).
 *
 * @param fd an open file; the lock lasts until all copies of this descriptor are closed
 * @param options `wait`: true blocks this thread until the lock is free; default: false
 * @returns false if another process has the lock and `wait` is false
 * @throws LayerhookError SYSTEM
 */
export function flock(
  fd: number,
  operation: keyof typeof operations,
  { wait = false }: { wait?: boolean } = {},
): boolean {
  for (;;) {
    const done = result(libcFlock(fd, operations[operation] | (wait ? 0 : nonBlocking)));
    if (done >= 0) return true;
    if (done === -E.EAGAIN) return false;
    if (done === -E.EINTR) continue;
    const cause = new SystemError(-done, 'flock', `fd ${fd}`);
    const expected = 'the file system must support locks (flock)';
    throw new LayerhookError('SYSTEM', { what: 'flock', reason: systemWords(cause), expected }, cause);
  }
}

/**
 * Locks an open file or directory, and checks that its name still leads to it: between open and lock, the
 * previous holder may have removed it.
 *
 * @param directory an open directory, or AT_FDCWD
 * @param operation default: `exclusive`
 * @returns false if another process has the lock, or the name leads to another file or nothing; close `fd` in both cases
 * @throws LayerhookError SYSTEM
 */
export function tryLockNamed(
  fd: number,
  directory: number,
  name: ByteString,
  operation: 'shared' | 'exclusive' = 'exclusive',
): boolean {
  if (!flock(fd, operation)) return false;
  try {
    return isNamed(directory, name, fd);
  } catch (error) {
    throw fsError(error, `locking ${showBytes(name)}`);
  }
}

export interface LockWait {
  /** aborts the wait */
  signal?: AbortSignal | undefined;
  /** longest pause between two attempts, in ms; default 10 */
  longestPause?: number;
}

/**
 * Waits for the lock of an open file or directory. Polls, so that the event loop and signals stay alive.
 *
 * @param what name of the file, for the error
 * @throws LayerhookError ABORTED, SYSTEM
 */
export async function waitForLock(
  fd: number,
  operation: 'shared' | 'exclusive',
  what: string,
  options?: LockWait,
): Promise<void> {
  await poll(() => flock(fd, operation) || undefined, what, options);
}

/**
 * Releases a lock that otherwise ends with the process. A second call does nothing.
 *
 * @param options `keepFile`: true leaves the lock file, as the end of the process would
 */
export type Unlock = (options?: { keepFile?: boolean }) => void;

/**
 * Waits for the lock of a lock file, which is created for the lock and removed with it.
 *
 * @throws LayerhookError ABORTED, NO_SPACE, SYSTEM
 */
export function lockFile(path: string, signal: AbortSignal): Promise<Unlock> {
  return poll(() => tryLockFile(path), path, { signal });
}

/** As {@link lockFile}, without waiting: undefined if another process has the lock, or is just releasing it. */
export function tryLockFile(path: string): Unlock | undefined {
  const fd = open(path);
  try {
    if (tryLockNamed(fd, AT_FDCWD, fromText(path))) return once((keepFile) => release(path, fd, keepFile));
  } catch (error) {
    close(fd);
    throw error;
  }
  close(fd);
  return undefined;
}

export interface LockedFile {
  path: string;
  unlock: Unlock;
}

/** Creates and locks a new file, whose path begins with `prefix`. @throws LayerhookError NO_SPACE, SYSTEM */
export function lockNewFile(prefix: string): LockedFile {
  for (;;) {
    const path = prefix + Math.random().toString(36).slice(2);
    const unlock = tryLockFile(path);
    // Before it is locked, another process may remove the file as the leftover of a dead process.
    if (unlock !== undefined) return { path, unlock };
  }
}

/** Removes the file while it is locked: waiting processes notice that it is missing, and create a new one. */
function release(path: string, fd: number, keepFile: boolean): void {
  try {
    if (!keepFile) unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fsError(error, `removing ${path}`);
  } finally {
    close(fd);
  }
}

function open(path: string): number {
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw fsError(error, `locking ${path}`);
  }
}

/** Ignores later calls: after the first, the descriptor may belong to another file. */
function once(action: (keepFile: boolean) => void): Unlock {
  let done = false;
  return ({ keepFile = false } = {}) => {
    if (done) return;
    done = true;
    action(keepFile);
  };
}

/** Repeats `attempt` until it returns a value. */
async function poll<T>(
  attempt: () => T | undefined,
  what: string,
  { signal, longestPause = 10 }: LockWait = {},
): Promise<T> {
  for (let pause = 1; ; pause = Math.min(pause * 2, longestPause)) {
    if (signal?.aborted) throw new LayerhookError('ABORTED', { what: `waiting for ${what}` }, signal.reason);
    const got = attempt();
    if (got !== undefined) return got;
    const delay = pause * (0.5 + Math.random());
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}
