import { explainSpace, fsError, isLayerhookError } from 'layerhook';

/** Returns an error as one line for the log: what is wrong, and what would be right. */
export function show(error: unknown): string {
  const known = explainSpace(
    isSystemError(error) ? fsError(error, [error.syscall, error.path].filter(Boolean).join(' ')) : error,
  );
  return isLayerhookError(known)
    ? `${known.message} (${known.hint})`
    : `internal error: ${(error as Error).stack}`;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
