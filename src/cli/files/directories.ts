import { opendirSync } from 'node:fs';
import { fsError } from '../../errors/fs-error.js';

/**
 * Requires directories that a user names, before a command looks deeper: a path that is missing is then an error about the
 * command line, and the message has the path as the user wrote it.
 *
 * @throws LayerhookError FILE_NOT_FOUND, SYSTEM
 */
export function requireDirectories(...paths: string[]): void {
  for (const path of paths) {
    try {
      opendirSync(path).closeSync();
    } catch (error) {
      throw fsError(error, `cannot read ${path}`);
    }
  }
}
