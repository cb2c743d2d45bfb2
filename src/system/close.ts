import { closeSync } from 'node:fs';
import { errorCode } from '../errors/fs-error.js';
import type { ByteString } from './bytes.js';
import { E, isErrno, SystemError } from './errno.js';

/**
 * Closes a file that was only read, or whose content no longer matters. What the file system says to that is ignored: it
 * must not hide the error that led here.
 *
 * @throws errors of node:fs for a descriptor that is not open
 */
export function close(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (isErrno(error, 'EBADF')) throw error;
  }
}

/**
 * Closes a file that was written. Network file systems and quotas may report only here that the content is lost; close(2).
 *
 * @param path for the error
 * @throws SystemError
 */
export function closeWritten(fd: number, path: ByteString): void {
  try {
    closeSync(fd);
  } catch (error) {
    throw new SystemError(errorCode(error) ?? E.EIO, 'close', path);
  }
}
