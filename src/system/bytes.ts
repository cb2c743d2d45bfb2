declare const byteString: unique symbol;

/**
 * Bytes in a string, one char (U+0000 to U+00FF) a byte: names and paths of a layer, which need not be UTF-8.
 *
 * It works as a Map key and with every string method that does not care for characters, and is as compact
 * as bytes. It must never be printed, or given to `node:fs` as a string: use {@link showBytes}, {@link toBuffer}.
 */
export type ByteString = string & { readonly [byteString]?: never };

/** The bytes themselves. */
export function toBuffer(bytes: ByteString): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** A ByteString of bytes. */
export function fromBuffer(buffer: Uint8Array): ByteString {
  return Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength).toString('latin1');
}

/** A ByteString of text in UTF-8. */
export function fromText(text: string): ByteString {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text that the bytes are in UTF-8, or undefined if they are not valid UTF-8. */
export function toText(bytes: ByteString): string | undefined {
  if (isAscii(bytes)) return bytes;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(toBuffer(bytes));
  } catch {
    return undefined;
  }
}

/** The bytes for a human: UTF-8 where valid, else with `\xNN` for the bytes above 0x7f. */
export function showBytes(bytes: ByteString): string {
  return toText(bytes) ?? bytes.replace(/[\u0080-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked
  return /^[\u0000-\u007f]*$/.test(text);
}
