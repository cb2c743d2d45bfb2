import { closeSync, constants, openSync } from 'node:fs';
import { fsError } from '../errors/fs-error.js';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

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
  const { waitForLock } = await import('../system/lock.js');
  const fd = openDirectory(layout);
  try {
    await waitForLock(fd, mode, layout, { signal });
    return await action();
  } finally {
    closeSync(fd);
  }
}

function openDirectory(path: string): number {
  try {
    return openSync(path, DIRECTORY);
  } catch (error) {
    throw fsError(error, `opening ${path}`);
  }
}
