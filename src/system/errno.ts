import { constants } from 'node:os';
import { type ByteString, showBytes } from './bytes.js';

const numbers: Readonly<Record<string, number>> = constants.errno;
const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
// names that share a number: those that people say
names.set(numbers.ENOTSUP ?? 95, 'ENOTSUP');
names.set(numbers.EAGAIN ?? 11, 'EAGAIN');

/** The number of an errno name. */
export const E = constants.errno;

/** The name of an errno number, such as `ENOENT`; errno(3). */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** A system call that failed. Never shown to a user as it is: it is the `cause` of a LayerhookError. */
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

/** Whether `error` is a failed system call with one of these codes, ours or node's own. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
