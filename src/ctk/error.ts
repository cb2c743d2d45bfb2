import { LayerhookError } from '../errors/index.js';

/** Returns the error for a configuration that cannot be read or changed. */
export function configError(file: string, reason: string): LayerhookError {
  return new LayerhookError('CTK_CONFIG', { file, reason });
}
