import type { Info } from '../types.js';
import { parseFilter, type Selector } from './parse.js';
import { compilePattern } from './pattern.js';

type Matches = (info: Info) => boolean;

/**
 * What a list of filters in containerd's syntax lets through: what one of them matches, or all if there are none.
 * Fields are `name`, `parent`, `kind` and `labels.NAME`.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT
 */
export function compileFilters(filters: string[]): Matches {
  const compiled = filters.map((filter) => parseFilter(filter).map((selector) => compile(filter, selector)));
  return (info) => compiled.length === 0 || compiled.some((all) => all.every((matches) => matches(info)));
}

/**
 * The one parent that all has that filters let through; '' if they let through what has none, or another.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT
 */
export function parentOf(filters: string[]): string {
  const parents = new Set(filters.map((filter) => parseFilter(filter).find(isOfParent)?.value));
  const [parent = ''] = parents;
  return parents.size === 1 ? parent : '';
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
      // what is not there is not equal, but to nothing
      return (info) => (fieldOf(info, path) ?? '') !== value;
    case '~=': {
      const pattern = compilePattern(filter, value);
      return (info) => pattern.test(fieldOf(info, path) ?? '');
    }
  }
}

/** The field that a path names, undefined if there is none. */
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
