/** Formats of Go programs such as umoci. */

/**
 * Returns `text`, quoted if it contains characters that a reader could miss or that a terminal interprets.
 *
 * @param precise True to quote white space and the empty text too.
 */
export function quoteIfOdd(text: string, precise: boolean): string {
  const quoted = quote(text);
  const isOdd = quoted !== `"${text}"` || (precise && (text === '' || /\p{White_Space}/u.test(text)));
  return isOdd ? quoted : text;
}

/** Formats a string literal of Go, as strconv.Quote does. */
export function quote(text: string): string {
  return `"${[...text].map(quoteChar).join('')}"`;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

function quoteChar(char: string): string {
  const short = escapes[char];
  if (short !== undefined) return short;
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) return char;
  const code = char.codePointAt(0)!;
  const hex = code.toString(16);
  if (code < 0x20 || code === 0x7f) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** Formats bytes in decimal units with four digits, as Docker's go-units does: `134B`, `29.51MB`. */
export function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let at = 0;
  for (; value >= 1000 && at < units.length - 1; at += 1) value /= 1000;
  return `${Number(value.toPrecision(4))}${units[at]}`;
}

/** Formats rows in columns of at least four places, as Go's text/tabwriter does with umoci's settings. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const count = largest(rows.map((row) => row.length)) - 1;
  const widths = Array.from({ length: count }, (_, at) =>
    Math.max(4, largest(rows.map((row) => [...(row[at] ?? '')].length + 1))),
  );
  return rows.map((row) =>
    row.map((cell, at) => (at < count ? cell + ' '.repeat(widths[at]! - [...cell].length) : cell)).join(''),
  );
}

/** Returns the largest number, also of more than a call may have arguments. */
function largest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}

/** Returns the entries of a map sorted by the bytes of their keys, the order in which Go writes maps. */
export function sortedEntries<T>(map: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(map).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
