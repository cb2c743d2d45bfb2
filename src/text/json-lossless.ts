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

const MAX_DEPTH = 1000;
const ESCAPED = /[<>&\u2028\u2029]/g;
const TOKENS = /"(?:[^"\\]|\\.)*"|[[{]|[\]}]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Reads one JSON document. Bytes that are not UTF-8 become U+FFFD, as Go reads them.
 *
 * @throws SyntaxError if it is malformed or nested deeper than 1000
 */
export function parseJson(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const value: unknown = JSON.parse(text);
  const mark = `\u0000${Math.random()}:`;
  let depth = 0;
  let marked = false;
  const lossless = text.replace(TOKENS, (token) => {
    const first = token[0];
    if (first === '"') return token;
    if (first === '[' || first === '{') depth += 1;
    else if (first === ']' || first === '}') depth -= 1;
    else if (String(Number(token)) !== token) {
      marked = true;
      return JSON.stringify(mark + token);
    }
    if (depth > MAX_DEPTH) throw new SyntaxError(`nested deeper than ${MAX_DEPTH}`);
    return token;
  });
  if (!marked) return value;
  return JSON.parse(lossless, (_, field: unknown) =>
    typeof field === 'string' && field.startsWith(mark) ? new JsonNumber(field.slice(mark.length)) : field,
  );
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
  return Buffer.from(`${text.replace(ESCAPED, escapeChar)}\n`);
}

/** Removes the white space between the tokens of a JSON document, and escapes the chars that {@link encodeJson} escapes. */
export function compactJson(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .replace(/"(?:[^"\\]|\\.)*"|\s+/g, (token) => (token[0] === '"' ? token : ''))
    .replace(ESCAPED, escapeChar);
}

function escapeChar(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
