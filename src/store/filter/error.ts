import { LayerhookError } from '../../errors/index.js';

/** number of characters of a filter that an error shows */
const shownLength = 200;

/** Returns the error for a filter that violates containerd's syntax. */
export function badFilter(filter: string, position: number, reason: string): LayerhookError {
  return unusable(filter, `character ${position + 1}: ${reason}`);
}

/** Returns the error for filters that take too long. */
export function slowFilters(filters: string[], ms: number): LayerhookError {
  return unusable(filters.join(' '), `matching takes longer than ${ms / 1000} s`);
}

function unusable(filter: string, reason: string): LayerhookError {
  const shown = filter.length > shownLength ? `${filter.slice(0, shownLength)}…` : filter;
  return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `filter ${shown}`, reason });
}
