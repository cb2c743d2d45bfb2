import { type ByteString, toText } from '../system/bytes.js';

/** One character in UTF-8, or any byte. Unicode 15, table 3-7, "Well-Formed UTF-8 Byte Sequences". */
const character =
  /[\0-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/**
 * Returns the text of bytes. A byte outside of valid UTF-8 becomes a lone surrogate, U+DC80 to U+DCFF, as Python's
 * `surrogateescape` does (PEP 383): different bytes give different texts, and JSON holds them.
 */
export function toSurrogateText(bytes: ByteString): string {
  return (
    toText(bytes) ??
    bytes.replace(character, (found) =>
      found.length === 1 && found > '\x7f'
        ? String.fromCharCode(0xdc00 + found.charCodeAt(0))
        : Buffer.from(found, 'latin1').toString(),
    )
  );
}
