/** A piece of a name: text, or an escape sequence in place of a character that a reader could miss or mistake. */
export interface Piece {
  text: string;
  isEscape: boolean;
}

/** Control and format characters (with those that change the direction of text), unassigned ones, and odd spaces. */
const odd = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|^ | $/gu;

/** Splits a name, so that each odd character is a piece of its own. Names come from an image: they are hostile. */
export function piecesOf(name: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { 0: found, index } of name.matchAll(odd)) {
    if (index > at) pieces.push({ text: name.slice(at, index), isEscape: false });
    pieces.push({ text: escapeOf(found), isEscape: true });
    at = index + found.length;
  }
  if (at < name.length) pieces.push({ text: name.slice(at), isEscape: false });
  return pieces;
}

/** Returns a name for an attribute or title: with escape sequences for odd characters. */
export function plainName(name: string): string {
  return piecesOf(name)
    .map(({ text }) => text)
    .join('');
}

/** The byte of a lone surrogate is `\xNN`, as that of a control character. */
function escapeOf(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
}
