/**
 * JSON for documents that we rewrite: the output is that of Go's `json.Encoder`, and numbers keep every digit.
 *
 * Fields keep their order, except keys that are array indexes (`"8080"`), which JavaScript puts first. A number that
 * would change as a double (9007199254740993, 1.0, 1e400) is read as a {@link JsonNumber} and written unchanged.
 */

/** A number that would change as a JavaScript number; `source` is its literal. */
export class JsonNumber {
  constructor(readonly source: string) {}
}

/** A document that has more values, or is nested deeper, than allowed. */
export class JsonLimitError extends Error {
  constructor(
    /** the measured quantity */
    readonly what: 'nesting' | 'number of values',
    readonly limit: number,
  ) {
    super(`${what} is over the limit of ${limit}`);
  }
}

const maxDepth = 1000;
const escapedChars = /[<>&\u2028\u2029]/g;

/**
 * Reads one JSON document. Bytes that are not UTF-8 become U+FFFD, as Go reads them.
 *
 * @param maxValues limit for the number of values, counted before the document is parsed: two bytes of a document
 *   can become a value that takes 100 bytes of memory
 * @throws SyntaxError if it is malformed; JsonLimitError if it has more values, or is nested deeper than 1000
 */
export function parseJson(bytes: Uint8Array, maxValues = Number.POSITIVE_INFINITY): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = scan(buffer, maxValues);
  const value: unknown = JSON.parse(buffer.toString('utf8'));
  if (numbers.length === 0) return value;
  const mark = `\u0000${Math.random()}:`;
  let marked = '';
  let last = 0;
  for (const { start, end } of numbers) {
    marked +=
      buffer.toString('utf8', last, start) + JSON.stringify(mark + buffer.toString('latin1', start, end));
    last = end;
  }
  return JSON.parse(marked + buffer.toString('utf8', last), (_, field: unknown) =>
    typeof field === 'string' && field.startsWith(mark) ? new JsonNumber(field.slice(mark.length)) : field,
  );
}

/**
 * Counts values and levels in one pass over the bytes, well-formed or not.
 *
 * @returns the places of the numbers that would change as JavaScript numbers
 * @throws JsonLimitError
 */
function scan(json: Buffer, maxValues: number): { start: number; end: number }[] {
  const numbers: { start: number; end: number }[] = [];
  let depth = 0;
  let values = 1;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!;
    if (byte === quote) {
      at = stringEnd(json, at);
    } else if (byte === comma || byte === openBracket || byte === openBrace) {
      if (++values > maxValues) throw new JsonLimitError('number of values', maxValues);
      if (byte !== comma && ++depth > maxDepth) throw new JsonLimitError('nesting', maxDepth);
    } else if (byte === closeBracket || byte === closeBrace) {
      depth--;
    } else if (byte === minus || isDigit(byte)) {
      const start = at;
      while (at + 1 < json.length && isInNumber(json[at + 1]!)) at++;
      const source = json.toString('latin1', start, at + 1);
      if (String(Number(source)) !== source) numbers.push({ start, end: at + 1 });
    }
  }
  return numbers;
}

/** Returns the position of the quote that ends the string at `start`, or the end of the document. */
function stringEnd(json: Buffer, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === backslash) at++;
    else if (json[at] === quote) return at;
  }
  return json.length;
}

const [space, quote, comma, backslash, minus, plus, dot] = [0x20, 0x22, 0x2c, 0x5c, 0x2d, 0x2b, 0x2e];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isInNumber(byte: number): boolean {
  return isDigit(byte) || byte === dot || byte === minus || byte === plus || byte === 0x65 || byte === 0x45;
}

/**
 * Encodes a document: compact, fields in order, `<`, `>`, `&`, U+2028 and U+2029 escaped, and a newline at the end.
 */
export function encodeJson(document: unknown): Buffer {
  const mark = `\u0000${Math.random()}:`;
  let marked = false;
  let text = JSON.stringify(document, (_, field: unknown) => {
    if (!(field instanceof JsonNumber)) return field;
    marked = true;
    return mark + field.source;
  });
  if (marked)
    text = text.replace(
      new RegExp(`"${JSON.stringify(mark).slice(1, -1).replace(/\\/g, '\\\\')}([^"]*)"`, 'g'),
      '$1',
    );
  return Buffer.from(`${text.replace(escapedChars, escapeChar)}\n`);
}

/** Removes the white space between the tokens of a JSON document, and escapes the chars that {@link encodeJson} escapes. */
export function compactJson(bytes: Uint8Array): string {
  const json = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let compact = '';
  let from = 0;
  for (let at = 0; at < json.length; at++) {
    if (json[at] === quote) {
      at = stringEnd(json, at);
    } else if (json[at]! <= space) {
      compact += json.toString('utf8', from, at);
      from = at + 1;
    }
  }
  return (compact + json.toString('utf8', from)).replace(escapedChars, escapeChar);
}

function escapeChar(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
