import { isErrno } from './errno.js';

/** Enough for a process that creates and removes the directory all the time. */
const maxTries = 100;

/**
 * Calls `use`, which creates a directory and something in it. Another command that fails removes the empty parents that it
 * has created, also between these two steps: `use` then fails with ENOENT and is called again, at most 100 times in all.
 *
 * @param use leaves nothing open if it fails; may return a promise
 * @param codes of the errors, or of their causes, after which `use` is called again; default ENOENT
 * @returns the result of `use`
 */
export function againIfGone<T>(use: () => T, codes = ['ENOENT'], tries = maxTries): T {
  const again = (error: unknown): T => {
    const { cause } = error as Error;
    if (tries === 1 || !(isErrno(error, ...codes) || isErrno(cause, ...codes))) throw error;
    return againIfGone(use, codes, tries - 1);
  };
  try {
    const result = use();
    return result instanceof Promise ? (result.catch(again) as T) : result;
  } catch (error) {
    return again(error);
  }
}
