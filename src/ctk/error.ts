import { LayerhookError } from '../errors/index.js';

/** A configuration that cannot be read, or not changed as asked. */
export function configError(file: string, reason: string): LayerhookError {
  return new LayerhookError('CTK_CONFIG', { file, reason });
}
