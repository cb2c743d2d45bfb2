import { closeSync, constants, fstatSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { flock } from '../system/lock.js';

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
/** ms between two tries */
const longestPause = 20;

/** A lock that this process has until it calls this, or ends in whatever way. */
export type Unlock = () => void;

/**
 * Locks a file that is made for it and removed again, as soon as no other process has it.
 *
 * @param signal ends the waiting
 * @throws LayerhookError ABORTED, NO_SPACE, SYSTEM
 */
export async function lockFile(path: string, signal: AbortSignal): Promise<Unlock> {
  for (let pause = 1; ; pause = Math.min(pause * 2, longestPause)) {
    if (signal.aborted) throw new LayerhookError('ABORTED', { what: `waiting for ${path}` }, signal.reason);
    const unlock = tryLockFile(path);
    if (unlock !== undefined) return unlock;
    await sleep(pause * (0.5 + Math.random()));
  }
}

/** As {@link lockFile}, undefined if another process has the lock, or lets it go just now. */
export function tryLockFile(path: string): Unlock | undefined {
  const fd = open(path);
  const locked = flock(fd, 'exclusive') && isStillThere(path, fd);
  if (locked) return once(() => release(path, fd));
  closeSync(fd);
  return undefined;
}

/** A second call does nothing: the descriptor may be another file's by then. */
function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}

/** Locks a new file, whose name begins with `prefix`. @throws LayerhookError NO_SPACE, SYSTEM */
export function lockNewFile(prefix: string): Unlock {
  for (;;) {
    const unlock = tryLockFile(prefix + Math.random().toString(36).slice(2));
    // someone may take a file that is not yet locked for one whose owner is dead
    if (unlock !== undefined) return unlock;
  }
}

/** The file goes while it is locked: who waits for it finds that it is gone, and makes a new one. */
function release(path: string, fd: number): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fsError(error, `removing ${path}`);
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number {
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw fsError(error, `locking ${path}`);
  }
}

function isStillThere(path: string, fd: number): boolean {
  const now = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return now !== undefined && now.ino === fstatSync(fd, { bigint: true }).ino;
}
