import { isLayerhookError, LayerhookError } from './error.js';
import { errorCode } from './fs-error.js';
import { type ErrorCode, errorTable } from './table.js';

/** An error as data, for another thread: structured clone would lose the class, code and details. */
export type TransferredError =
  | { code: ErrorCode; details: Record<string, string | number>; cause?: TransferredError }
  | { message: string; name: string; stack?: string; system?: SystemCall; cause?: TransferredError };

/** What a failed system call has beside its message. */
interface SystemCall {
  code: string;
  syscall?: string;
  path?: string;
}

/** Returns an error and its causes as plain data, for {@link receiveError} in another thread. */
export function transferError(error: unknown): TransferredError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const cause = error.cause === undefined ? {} : { cause: transferError(error.cause) };
  if (isLayerhookError(error)) return { code: error.code, details: { ...error.details }, ...cause };
  const { name, message, stack } = error;
  const system = systemCall(error);
  return { name, message, ...(stack !== undefined && { stack }), ...(system && { system }), ...cause };
}

function systemCall(error: Error): SystemCall | undefined {
  const code = errorCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  const { syscall, path } = error as NodeJS.ErrnoException;
  // bytes of other characters mean different things in errors of node and in ours
  const isPlain = typeof path === 'string' && /^[ -~]*$/.test(path);
  return { code, ...(syscall !== undefined && { syscall }), ...(isPlain && { path }) };
}

/** Returns the error that {@link transferError} turned into data. A LayerhookError becomes a LayerhookError again. */
export function receiveError(data: TransferredError): Error {
  const cause = data.cause && receiveError(data.cause);
  if ('code' in data && data.code in errorTable) {
    return new LayerhookError(data.code, data.details as never, cause);
  }
  const { name, message, stack, system } = data as Exclude<TransferredError, { code: ErrorCode }>;
  const error = new Error(message, cause === undefined ? undefined : { cause });
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return Object.assign(error, system);
}
