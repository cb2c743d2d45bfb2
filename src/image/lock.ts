import { constants, openSync } from 'node:fs';
import { fsError } from '../errors/fs-error.js';
import { close } from '../system/close.js';

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Runs `action` while this process holds a lock on the layout: `exclusive` for changing index.json or removing blobs,
 * `shared` for publishing a blob.
 *
 * The lock is an flock(2) on the layout's directory. It needs no extra file, works on layouts made by other programs,
 * and ends with the process. Waiting polls the lock, so that the process still reacts to signals.
 *
 * @param signal aborts the waiting
 * @throws LayerhookError ABORTED, SYSTEM, and what `action` throws
 */
export async function withLock<T>(
  layout: string,
  mode: 'exclusive' | 'shared',
  action: () => T | Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { waitForLock } = await import('../system/lock.js');
  const fd = openDirectory(layout);
  try {
    await waitForLock(fd, mode, layout, { signal });
    return await action();
  } finally {
    close(fd);
  }
}

function openDirectory(path: string): number {
  try {
    return openSync(path, directoryFlags);
  } catch (error) {
    throw fsError(error, `opening ${path}`);
  }
}
