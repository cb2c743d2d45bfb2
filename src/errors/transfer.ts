import { isLayerhookError, LayerhookError } from './error.js';
import { type ErrorCode, errorTable } from './table.js';

/** An error on its way between threads: structured clone would lose its class, code and details. */
export type TransferredError =
  | { code: ErrorCode; details: Record<string, string | number>; cause?: TransferredError }
  | { message: string; name: string; stack?: string; cause?: TransferredError };

/** Makes an error, with its causes, into plain data for {@link receiveError} in another thread. */
export function transferError(error: unknown): TransferredError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const cause = error.cause === undefined ? {} : { cause: transferError(error.cause) };
  if (isLayerhookError(error)) return { code: error.code, details: { ...error.details }, ...cause };
  const { name, message, stack } = error;
  return { name, message, ...(stack === undefined ? {} : { stack }), ...cause };
}

/** The error that {@link transferError} made into data: a LayerhookError again if it was one. */
export function receiveError(data: TransferredError): Error {
  const cause = data.cause && receiveError(data.cause);
  if ('code' in data && data.code in errorTable) {
    return new LayerhookError(data.code, data.details as never, cause);
  }
  const { name, message, stack } = data as Exclude<TransferredError, { code: ErrorCode }>;
  const error = new Error(message, cause === undefined ? undefined : { cause });
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
