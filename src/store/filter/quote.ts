import { badFilter } from './error.js';

const simple: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};
/** octal, byte and code point escapes, or any other escape */
const escapes = /\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g;

/**
 * Returns the text of a quoted token with the escapes of Go's string literals. The first character is the quote.
 *
 * @param position of the token in `filter`
 * @throws LayerhookError SNAPSHOT_ARGUMENT
 */
export function unquote(filter: string, quoted: string, position: number): string {
  const quote = quoted.charAt(0);
  const content = quoted.slice(1, -1);
  if (!content.includes('\\')) return content;
  const bytes: Buffer[] = [];
  let from = 0;
  for (const match of content.matchAll(escapes)) {
    const value = escaped(match, quote);
    if (value === undefined) throw badFilter(filter, position + 1 + match.index, 'unknown escape');
    bytes.push(Buffer.from(content.slice(from, match.index)), value);
    from = match.index + match[0].length;
  }
  bytes.push(Buffer.from(content.slice(from)));
  return Buffer.concat(bytes).toString('utf8');
}

/** Returns the bytes of an escape; several `\x` escapes may form one character. */
function escaped([, octal, byte, short, long, other]: RegExpMatchArray, quote: string): Buffer | undefined {
  const single = octal === undefined ? byte && Number.parseInt(byte, 16) : Number.parseInt(octal, 8);
  if (typeof single === 'number') return single > 255 ? undefined : Buffer.from([single]);
  const hex = short ?? long;
  if (hex !== undefined) {
    const point = Number.parseInt(hex, 16);
    return point > 0x10ffff ? undefined : Buffer.from(String.fromCodePoint(point));
  }
  const text = other === quote ? quote : simple[other!];
  return text === undefined ? undefined : Buffer.from(text);
}
