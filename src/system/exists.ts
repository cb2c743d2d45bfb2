import { statSync } from 'node:fs';
import { errorCode, fsError } from '../errors/fs-error.js';

/**
 * True if a path leads to a file. node's existsSync returns false also if the path cannot be reached, on a disk that fails or in a
 * directory that may not be searched: what seems to be missing is then left out, or removed.
 *
 * @throws LayerhookError SYSTEM if the kernel cannot tell
 */
export function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return false;
    throw fsError(error, `reading ${path}`);
  }
}
