import { closeSync } from 'node:fs';

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
    closeSync(fd);
    throw error;
  }
}
