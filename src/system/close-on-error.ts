import type { ByteString } from './bytes.js';
import { close, closeWritten } from './close.js';

/**
 * Runs the first steps with a file that the caller has just opened. If a step throws, the file is closed: the caller has no
 * other place that would close it.
 *
 * @param steps gets the descriptor
 * @returns the result of `steps`
 */
export function closeOnError<T>(fd: number, steps: (fd: number) => T): T {
  try {
    return steps(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Runs `write` with a file that the caller has just opened, and closes the file as {@link closeWritten} does; after an
 * error of `write`, quietly.
 *
 * @param path for the error
 * @param write may return a promise
 * @returns the result of `write`
 * @throws SystemError
 */
export function writeAndClose<T>(fd: number, path: ByteString, write: (fd: number) => T): T {
  const closed = <R>(result: R): R => {
    closeWritten(fd, path);
    return result;
  };
  const result = closeOnError(fd, write);
  if (!(result instanceof Promise)) return closed(result);
  const failed = (error: unknown) => {
    close(fd);
    throw error;
  };
  return result.then(closed, failed) as T;
}
