import { badFilter } from './error.js';

/** Syntax of Go's regular expressions, and the same in JavaScript. */
const translations: [from: RegExp, to: string][] = [
  [/\(\?P</g, '(?<'],
  [/\\A/g, '^'],
  [/\\z/g, '$'],
  [/\[:alnum:\]/g, 'A-Za-z0-9'],
  [/\[:alpha:\]/g, 'A-Za-z'],
  [/\[:digit:\]/g, '0-9'],
  [/\[:lower:\]/g, 'a-z'],
  [/\[:upper:\]/g, 'A-Z'],
  [/\[:space:\]/g, '\\s'],
  [/\[:word:\]/g, '\\w'],
  [/\[:xdigit:\]/g, '0-9A-Fa-f'],
];

/**
 * Compiles the value of `~=`: a Go regular expression that matches anywhere in a field.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT for an invalid expression, with which containerd would match nothing
 */
export function compilePattern(filter: string, value: string): RegExp {
  const [whole, flags = ''] = /^\(\?([ims]+)\)/.exec(value) ?? [''];
  const source = translations.reduce((text, [from, to]) => text.replace(from, to), value.slice(whole.length));
  try {
    return new RegExp(source, [...new Set(flags)].join(''));
  } catch {
    throw badFilter(filter, Math.max(filter.indexOf(value), 0), 'the regular expression is invalid');
  }
}
