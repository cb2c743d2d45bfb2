import { LayerhookError } from '../../errors/index.js';

/** What is wrong with a command line; `command` is the one whose --help tells more. */
export function usageError(reason: string, command: string): LayerhookError {
  return new LayerhookError('USAGE', { reason, command });
}
