/** The POSIX classes as the content of a JavaScript character class. JavaScript lacks their names. */
const classes: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};

/**
 * Translates an expression of Go's regexp package, which engines use for hook files, to JavaScript: leading flags,
 * POSIX classes, `\A`, `\z`, `\Q…\E`, `(?P<name>…)`. https://pkg.go.dev/regexp/syntax
 *
 * @throws SyntaxError if the expression is malformed, or if JavaScript cannot express it
 */
export function goRegExp(source: string): RegExp {
  const [flags = '', given = ''] = /^\(\?([ims]+)\)/.exec(source) ?? [];
  const translated = source.slice(flags.length).replace(constructs, translate);
  return new RegExp(translated, `u${given}`);
}

// an escaped char is one match, so that the char after a backslash never starts another construct
const constructs = /\\Q([\s\S]*?)(?:\\E|$)|\\A|\\z|\\[pP][A-Z]|\\[\s\S]|\[:(\^?)(\w+):\]|\(\?P</g;

function translate(match: string, quoted?: string, negated?: string, name?: string): string {
  if (quoted !== undefined) return quoted.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  if (name !== undefined) {
    const chars = classes[name];
    if (chars === undefined || negated === '^') throw new SyntaxError(`unknown class ${match}`);
    return chars;
  }
  if (match === '(?P<') return '(?<';
  if (match === '\\A') return '(?<![\\s\\S])';
  if (match === '\\z') return '(?![\\s\\S])';
  if (/^\\[pP][A-Z]$/.test(match)) return `${match.slice(0, 2)}{${match.slice(2)}}`;
  // Go allows a backslash before any sign, JavaScript only before signs with a meaning
  const isSign = /^\\[!-/:-@[-`{-~]$/.test(match) && !/[\^$.*+?()[\]{}|/]$/.test(match);
  return isSign ? `\\x${match.charCodeAt(1).toString(16)}` : match;
}
