import { fsError } from '../../errors/fs-error.js';
import { isErrno } from '../../system/errno.js';
import { withinTime } from '../../system/time-limit.js';
import type { Info } from '../types.js';
import { slowFilters } from './error.js';
import { parseFilter, type Selector } from './parse.js';
import { compilePattern } from './pattern.js';

type Matches = (info: Info) => boolean;

/** ms; JavaScript's regular expressions backtrack, which can take years */
const patience = 5000;

/** Characters of filters without regular expressions that are surely matched in time. A time limit takes 0.2 to 0.5 ms. */
const shortFilters = 10_000;

/**
 * Returns the infos that one of the filters matches, or all without filters.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT, also for filters that take too long; SYSTEM
 */
export function selectInfos(infos: Info[], filters: string[]): Info[] {
  if (filters.length === 0) return infos;
  return limited(filters, () => infos.filter(compileFilters(filters)));
}

/**
 * Compiles filters in containerd's syntax to a function that is true if one of them matches, or if the list is empty.
 * Fields are `name`, `parent`, `kind` and `labels.NAME`.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT
 */
export function compileFilters(filters: string[]): Matches {
  const compiled = filters.map((filter) => parseFilter(filter).map((selector) => compile(filter, selector)));
  return (info) => compiled.length === 0 || compiled.some((all) => all.every((matches) => matches(info)));
}

/**
 * Returns the parent that all matching snapshots share; '' if matching snapshots may have different parents or no parent.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT
 */
export function parentOf(filters: string[]): string {
  if (filters.length === 0) return '';
  const parents = new Set(
    limited(filters, () => filters.map((filter) => parseFilter(filter).find(isOfParent)?.value)),
  );
  const [parent = ''] = parents;
  return parents.size === 1 ? parent : '';
}

function limited<T>(filters: string[], action: () => T): T {
  const isQuick = filters.join().length <= shortFilters && !filters.some((filter) => filter.includes('~='));
  if (isQuick) return action();
  try {
    return withinTime(patience, action, () => slowFilters(filters, patience));
  } catch (error) {
    throw isErrno(error, 'EMFILE', 'ENFILE') ? fsError(error, 'cannot match filters') : error;
  }
}

function isOfParent({ path, operator }: Selector): boolean {
  return operator === '==' && path.length === 1 && path[0] === 'parent';
}

function compile(filter: string, { path, operator, value }: Selector): Matches {
  switch (operator) {
    case '?':
      return (info) => fieldOf(info, path) !== undefined;
    case '==':
      return (info) => fieldOf(info, path) === value;
    case '!=':
      // a missing field equals only the empty value
      return (info) => (fieldOf(info, path) ?? '') !== value;
    case '~=': {
      const pattern = compilePattern(filter, value);
      return (info) => pattern.test(fieldOf(info, path) ?? '');
    }
  }
}

/** Returns the field that a path names; undefined if it is missing. */
function fieldOf(info: Info, [field, ...rest]: string[]): string | undefined {
  switch (field) {
    case 'name':
    case 'parent':
    case 'kind':
      return info[field];
    case 'labels': {
      const label = rest.join('.');
      return Object.hasOwn(info.labels, label) ? info.labels[label] : undefined;
    }
    default:
      return undefined;
  }
}
