import { badFilter } from './error.js';
import { unquote } from './quote.js';
import { Scanner } from './scan.js';

/** One condition of a filter; `?` checks only that the field exists. */
export interface Selector {
  path: string[];
  operator: '?' | '==' | '!=' | '~=';
  value: string;
}

/**
 * Parses one filter: selectors joined by commas, which must all match. An empty text has no selectors. The grammar is
 * that of containerd's package `filters`:
 *
 *     selector  := fieldpath (operator value)?
 *     fieldpath := field ('.' field)*
 *     field     := quoted | [A-Za-z0-9_]+
 *     operator  := '==' | '!=' | '~='
 *     value     := quoted | text without comma, quote or space
 *
 * `quoted` is a Go string between `"`; the value of `~=` may also stand between `/` or `|`.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT
 */
export function parseFilter(filter: string): Selector[] {
  if (filter === '') return [];
  const scanner = new Scanner(filter);
  const selectors = [parseSelector(scanner, filter)];
  while (!scanner.atEnd) {
    if (scanner.peek() !== ',') throw badFilter(filter, scanner.position, 'a comma is expected');
    scanner.next();
    selectors.push(parseSelector(scanner, filter));
  }
  return selectors;
}

function parseSelector(scanner: Scanner, filter: string): Selector {
  const path = parsePath(scanner, filter);
  if (scanner.atEnd || scanner.peek() === ',') return { path, operator: '?', value: '' };
  const { kind, text, position } = scanner.next();
  if (kind !== 'operator' || !isOperator(text)) {
    throw badFilter(filter, position, 'one of == != ~= is expected');
  }
  return { path, operator: text, value: parseValue(scanner, filter, text === '~=') };
}

function parsePath(scanner: Scanner, filter: string): string[] {
  const path = [parseField(scanner, filter)];
  while (!scanner.atEnd && scanner.peek() === '.') {
    scanner.next();
    path.push(parseField(scanner, filter));
  }
  return path;
}

function parseField(scanner: Scanner, filter: string): string {
  const { kind, text, position } = scanner.next();
  if (kind === 'field') return text;
  if (kind === 'quoted' && text.startsWith('"')) return unquote(filter, text, position);
  throw badFilter(filter, position, 'a field is expected');
}

function parseValue(scanner: Scanner, filter: string, isPattern: boolean): string {
  const { kind, text, position } = scanner.next();
  if (kind === 'value') return text;
  if (kind === 'quoted' && (isPattern || text.startsWith('"'))) return unquote(filter, text, position);
  throw badFilter(filter, position, 'a value is expected');
}

function isOperator(text: string): text is '==' | '!=' | '~=' {
  return text === '==' || text === '!=' || text === '~=';
}
