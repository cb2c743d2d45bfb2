import { constants } from 'node:os';
import { type ByteString, showBytes } from './bytes.js';

const numbers: Readonly<Record<string, number>> = constants.errno;
const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
// two names share a number: prefer the more usual one
names.set(numbers.ENOTSUP ?? 95, 'ENOTSUP');
names.set(numbers.EAGAIN ?? 11, 'EAGAIN');

/** Numbers of errno names. */
export const E = constants.errno;

/** Returns the name of an errno number, such as `ENOENT`; errno(3). */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

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
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
