import { dirname } from 'node:path';
import { fromText } from './bytes.js';
import { isErrno } from './errno.js';
import { AT_FDCWD, RENAME_NOREPLACE, renameat2 } from './files.js';
import { syncFilesystem } from './filesystem.js';
import { flushDirectory } from './write-file.js';

/**
 * Gives a complete file or directory its final name: it appears whole, also after a power loss, and never replaces another.
 *
 * @param temporary path on the same file system as `final`
 * @returns false if `final` exists: another process was first, and the caller removes the temporary one
 * @throws SystemError; LayerhookError NO_SPACE, SYSTEM
 */
export async function publish(temporary: string, final: string): Promise<boolean> {
  await syncFilesystem(fromText(temporary));
  try {
    renameat2(AT_FDCWD, fromText(temporary), AT_FDCWD, fromText(final), RENAME_NOREPLACE);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    return false;
  }
  flushDirectory(dirname(final));
  return true;
}
