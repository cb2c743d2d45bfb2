import { constants, openSync } from 'node:fs';
import { fsError } from '../../errors/fs-error.js';
import { fromText } from '../../system/bytes.js';
import { close } from '../../system/close.js';
import { AT_FDCWD } from '../../system/files.js';
import { waitForLock } from '../../system/lock.js';
import { isNamed } from '../../system/stat.js';

/**
 * Runs `action` while this process holds the exclusive lock of a file that its writers replace by rename(2).
 *
 * @param signal aborts the waiting
 * @throws LayerhookError ABORTED, SYSTEM, and what `action` throws
 */
export async function withFileLock<T>(
  file: string,
  action: () => T | Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (;;) {
    const fd = open(file);
    try {
      await waitForLock(fd, 'exclusive', file, { signal });
      // another writer may have replaced the file before the lock
      if (isNamed(AT_FDCWD, fromText(file), fd)) return await action();
    } finally {
      close(fd);
    }
  }
}

function open(file: string): number {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw fsError(error, `opening ${file}`);
  }
}
