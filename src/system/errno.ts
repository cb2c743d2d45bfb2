import { constants } from 'node:os';
import { errnoName } from '../errors/errno.js';
import { errorCode } from '../errors/fs-error.js';
import { type ByteString, showBytes } from './bytes.js';

const numbers: Readonly<Record<string, number>> = constants.errno;

/** Numbers of errno names. */
export const E = constants.errno;

/** A failed system call. Users never see it directly: it is the `cause` of a LayerhookError. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: ByteString;

  constructor(error: number | string, syscall: string, path: ByteString) {
    const code = typeof error === 'string' ? error : errnoName(error);
    super(`${code}: ${syscall} ${showBytes(path)}`);
    this.code = code;
    this.errno = typeof error === 'string' ? (numbers[error] ?? 0) : error;
    this.syscall = syscall;
    this.path = path;
  }
}

/** True if `error` is a failed system call (a SystemError or an error of node) with one of these codes. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return codes.includes(errorCode(error) ?? '');
}
