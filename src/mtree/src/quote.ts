/**
 * Quotes bytes as Go's `%q` does, since gomtree and umoci print paths so: printable characters of valid UTF-8 unchanged,
 * other bytes as escapes.
 *
 * @param bytes a byte string
 */
export function quote(bytes: string): string {
  return `"${characters(bytes).map(quoteCharacter).join('')}"`;
}

/** Returns bytes as text that is safe to print: valid UTF-8, with `\xNN` for other bytes and control characters. */
export function printable(bytes: string): string {
  if (/^[ -~]*$/.test(bytes)) return bytes;
  return characters(bytes)
    .map((char) => (isPrintable(char) || char === '\\' ? char : escapeCharacter(char)))
    .join('');
}

/** Splits UTF-8 into characters. A byte that is not valid UTF-8 becomes a lone surrogate, U+DC00 + byte. */
function characters(bytes: string): string[] {
  if (isAscii(bytes)) return [...bytes];
  const chars: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const char = decodeAt(bytes, at);
    chars.push(char ?? String.fromCharCode(0xdc00 + bytes.charCodeAt(at)));
    at += char === undefined ? 1 : Buffer.byteLength(char);
  }
  return chars;
}

/** Returns the character that starts at `at`, or undefined for invalid UTF-8. */
function decodeAt(bytes: string, at: number): string | undefined {
  const lead = bytes.charCodeAt(at);
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length < 2) return length === 1 ? bytes[at] : undefined;
  try {
    return decoder.decode(Buffer.from(bytes.slice(at, at + length), 'latin1'));
  } catch {
    return undefined;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function quoteCharacter(char: string): string {
  if (char === '"' || char === '\\') return `\\${char}`;
  return isPrintable(char) ? char : escapeCharacter(char);
}

function escapeCharacter(char: string): string {
  const short = shortEscapes.get(char);
  if (short !== undefined) return short;
  const code = char.codePointAt(0)!;
  if (code >= 0xdc00 && code <= 0xdfff) return `\\x${hex(code - 0xdc00, 2)}`;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/** True for a printable character; unicode.IsPrint of Go: letters, marks, numbers, punctuation, symbols, ASCII space. */
function isPrintable(char: string): boolean {
  return char === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(char);
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

function isAscii(bytes: string): boolean {
  return !/[\u0080-\u00ff]/.test(bytes);
}

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\x07', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
]);
