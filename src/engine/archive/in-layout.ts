import { setTimeout as sleep } from 'node:timers/promises';
import { fsError } from '../../errors/fs-error.js';
import { type ErrorCode, type ErrorDetails, isLayerhookError, LayerhookError } from '../../errors/index.js';
import type { PoststopContext } from '../../points/points.js';
import { closeOnError } from '../../system/close-on-error.js';
import { isErrno } from '../../system/errno.js';
import { close, O, openat } from '../../system/files.js';
import { flock } from '../../system/lock.js';
import { StatBuffer, statFd } from '../../system/stat.js';
import { openTrustedDirectory } from '../../system/trusted-directory.js';

const pollMs = 20;

/**
 * Runs `use` on a layout while no other archive is appended there: archives of several containers may go to one tag, and
 * each must see the layer of the previous one.
 *
 * @param use receives a path that leads to the opened directory, even if the directory is renamed
 */
export async function inLayout<T>(
  path: string,
  { containerPaths, upperdir, signal }: PoststopContext,
  use: (opened: string) => Promise<T>,
): Promise<T> {
  const directory = openLayoutDirectory(path, [...containerPaths, upperdir]);
  // ends in a directory, because O_NOFOLLOW would refuse the magic link itself
  const opened = `/proc/self/fd/${directory}/.`;
  try {
    return await oneAtATime(directory, path, signal, () => use(opened));
  } catch (error) {
    throw isLayerhookError(error) ? renamed(error, opened, path) : error;
  } finally {
    close(directory);
  }
}

function openLayoutDirectory(path: string, untrusted: string[]): number {
  try {
    return openTrustedDirectory(path, { untrusted });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new LayerhookError('LAYOUT_NOT_FOUND', { path }, error);
    throw fsError(error, `opening ${path}`);
  }
}

async function oneAtATime<T>(
  directory: number,
  path: string,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  const fd = openLock(directory, path);
  try {
    while (!flock(fd, 'exclusive')) {
      await sleep(pollMs);
      signal.throwIfAborted();
    }
    return await run();
  } finally {
    close(fd);
  }
}

function openLock(directory: number, path: string): number {
  const notRegular = { path, reason: 'its oci-layout is not a regular file' };
  try {
    const fd = openat(directory, 'oci-layout', O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
    return closeOnError(fd, () => {
      const stat = new StatBuffer();
      statFd(fd, stat);
      if (stat.isFile) return fd;
      throw new LayerhookError('LAYOUT_INVALID', notRegular);
    });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new LayerhookError('LAYOUT_NOT_FOUND', { path }, error);
    if (isErrno(error, 'ELOOP')) throw new LayerhookError('LAYOUT_INVALID', notRegular, error);
    throw fsError(error, `opening ${path}`);
  }
}

/** Returns the error with the layout's path in place of the descriptor's path. */
function renamed({ code, details, cause }: LayerhookError, from: string, to: string): LayerhookError {
  const rows = Object.entries(details).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.replaceAll(from, to) : value,
  ]);
  return new LayerhookError(code, Object.fromEntries(rows) as ErrorDetails<ErrorCode>, cause);
}
