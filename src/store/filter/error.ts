import { LayerhookError } from '../../errors/index.js';

/** Returns the error for a filter that violates containerd's syntax. */
export function badFilter(filter: string, position: number, reason: string): LayerhookError {
  const where = `character ${position + 1}: ${reason}`;
  return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `filter ${filter}`, reason: where });
}
