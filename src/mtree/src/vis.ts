import { MtreeError } from './error.js';

/**
 * Encodes a name or a link target as go-mtree does: vis(3) with VIS_OCTAL, VIS_WHITE and VIS_GLOB.
 *
 * White space, control characters, bytes above 0x7e and `*?[#` become `\ooo`; a backslash is doubled.
 *
 * @param bytes a byte string: one char (U+0000 to U+00FF) for each byte
 */
export function vis(bytes: string): string {
  if (!special.test(bytes)) return bytes;
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += encoded[bytes.charCodeAt(i)];
  return out;
}

/**
 * Decodes all styles of vis(3): octal, hex, C style, `\s`, `\^c`, `\M-c`, `\M^c`, `\$`, and a backslash
 * before any other graphic character (NetBSD writes `\#`).
 *
 * @param line line of the manifest, for the error
 * @returns a byte string
 * @throws MtreeError BAD_ESCAPE
 */
export function unvis(text: string, line?: number): string {
  let backslash = text.indexOf('\\');
  if (backslash === -1) return text;
  let out = '';
  let rest = 0;
  while (backslash !== -1) {
    out += text.slice(rest, backslash);
    escapes.lastIndex = backslash;
    const match = escapes.exec(text);
    if (!match) throw badEscape(text, backslash, line);
    out += decodeEscape(match[0], text, line);
    rest = escapes.lastIndex;
    backslash = text.indexOf('\\', rest);
  }
  return out + text.slice(rest);
}

const special = /[^!-~]|[*?[#\\]/;

const encoded: readonly string[] = Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (char === '\\') return '\\\\';
  return special.test(char) ? `\\${code.toString(8).padStart(3, '0')}` : char;
});

/** Matches one escape; the characters after the backslash determine its length. */
const escapes = /\\(?:[0-7]{1,3}|x[0-9a-fA-F]{2}|M-.|M\^.|\^.|[!-/8-LN-\]_-wyz-~])/sy;

const cStyle: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  E: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  s: ' ',
  t: '\t',
  v: '\v',
  $: '',
};

function decodeEscape(sequence: string, text: string, line: number | undefined): string {
  const kind = sequence[1]!;
  if (kind >= '0' && kind <= '7') {
    const code = Number.parseInt(sequence.slice(1), 8);
    if (code > 0xff) throw badEscape(text, text.indexOf(sequence), line);
    return String.fromCharCode(code);
  }
  if (kind === 'x') return String.fromCharCode(Number.parseInt(sequence.slice(2), 16));
  if (kind === '^') return String.fromCharCode(control(sequence, 2));
  if (kind !== 'M') return cStyle[kind] ?? kind;
  const low = sequence[2] === '^' ? control(sequence, 3) : sequence.charCodeAt(3);
  return String.fromCharCode(0x80 | low);
}

function control(sequence: string, index: number): number {
  return sequence[index] === '?' ? 0x7f : sequence.charCodeAt(index) & 0x1f;
}

function badEscape(text: string, at: number, line: number | undefined): MtreeError {
  return new MtreeError('BAD_ESCAPE', `malformed escape ${JSON.stringify(text.slice(at, at + 4))}`, line);
}
