import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fsError } from '../errors/fs-error.js';
import { createFile } from './regular-file.js';

/**
 * Writes a file atomically: a temporary file beside it, fsync, rename. The temporary file is always new, so that a symlink
 * that another user put in its place is never followed.
 *
 * @param mode permission bits of the new file, before the umask
 * @throws LayerhookError NO_SPACE, SYSTEM
 */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o644): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const fd = createFile(temporary, mode);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fsError(error, `cannot write ${path}`);
  }
}
