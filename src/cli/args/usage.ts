import { LayerhookError } from '../../errors/index.js';

/** Returns the error for a wrong command line. The hint refers to the --help of `command`. */
export function usageError(reason: string, command: string): LayerhookError {
  return new LayerhookError('USAGE', { reason, command });
}
