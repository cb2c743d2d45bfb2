import { closeSync, constants, fstatSync, lstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';

/** Prefix of a session's directory; umoci's, so that either program's gc removes what the other left behind. */
export const SESSION_PREFIX = '.umoci-';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * A writer's own directory inside a layout, for files not yet complete. It is locked (flock(2)) while its writer
 * lives, which tells every gc, also umoci's, that it is in use; its birth tells since when blobs may be that writer's.
 */
export interface Session {
  path: string;
  /** Removes the directory and gives the lock up. */
  close(): void;
}

/**
 * Runs `action` while this process holds a lock on the layout: `exclusive` to change index.json or to remove blobs,
 * `shared` to publish a blob.
 *
 * The lock is an flock(2) on the layout's directory: it needs no file of its own, works on a layout that another
 * program made, and ends with the process. It is polled, so that signals are still heard.
 *
 * @param signal ends the waiting
 * @throws LayerhookError ABORTED, SYSTEM, and what `action` throws
 */
export async function withLock<T>(
  layout: string,
  mode: 'exclusive' | 'shared',
  action: () => T | Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { flock } = await import('../system/lock.js');
  const fd = openDirectory(layout);
  try {
    for (let pause = 1; !flock(fd, mode, { wait: false }); pause = Math.min(pause * 2, 10)) {
      await sleep(pause * (0.5 + Math.random()));
      if (signal?.aborted)
        throw new LayerhookError('ABORTED', { what: `waiting for ${layout}` }, signal.reason);
    }
    return await action();
  } finally {
    closeSync(fd);
  }
}

/** Opens a session in the layout. @throws LayerhookError NO_SPACE, SYSTEM */
export async function openSession(layout: string): Promise<Session> {
  const { flock } = await import('../system/lock.js');
  for (;;) {
    const path = makeDirectory(layout);
    const fd = openOwn(path);
    if (fd === undefined) continue;
    if (flock(fd, 'exclusive', { wait: false }) && isStillThere(path, fd)) {
      return closedAtExit(path, fd);
    }
    closeSync(fd);
  }
}

/** A session that its writer forgot to close, or could not, leaves no directory behind. */
function closedAtExit(path: string, fd: number): Session {
  const close = () => {
    process.off('exit', close);
    rmSync(path, { recursive: true, force: true });
    closeSync(fd);
  };
  process.on('exit', close);
  return { path, close };
}

/**
 * Removes a session's directory if its writer is gone.
 *
 * @returns whether it lives
 */
export async function cleanSession(path: string): Promise<boolean> {
  const { flock } = await import('../system/lock.js');
  const fd = openOwn(path);
  if (fd === undefined) return false;
  try {
    if (!flock(fd, 'exclusive', { wait: false })) return true;
    rmSync(path, { recursive: true, force: true });
    return false;
  } finally {
    closeSync(fd);
  }
}

function makeDirectory(layout: string): string {
  try {
    return mkdtempSync(join(layout, SESSION_PREFIX));
  } catch (error) {
    throw fsError(error, `making a directory in ${layout}`);
  }
}

/** A gc may have removed the directory before we locked it. */
function isStillThere(path: string, fd: number): boolean {
  try {
    return lstatSync(path).ino === fstatSync(fd).ino;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw fsError(error, path);
  }
}

function openOwn(path: string): number | undefined {
  try {
    return openDirectory(path);
  } catch (error) {
    if (errorCode((error as Error).cause) === 'ENOENT') return undefined;
    throw error;
  }
}

function openDirectory(path: string): number {
  try {
    return openSync(path, DIRECTORY);
  } catch (error) {
    throw fsError(error, `opening ${path}`);
  }
}
