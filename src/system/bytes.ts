declare const byteString: unique symbol;

/**
 * Bytes as a string with one char (U+0000 to U+00FF) for each byte: names and paths in a layer need not be UTF-8.
 *
 * A ByteString works as a Map key and with string methods that treat chars as opaque, and needs no more memory than the
 * bytes. Never print it or pass it to `node:fs` as a string: use {@link showBytes} and {@link toBuffer}.
 */
export type ByteString = string & { readonly [byteString]?: never };

/** Returns the bytes. */
export function toBuffer(bytes: ByteString): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** Returns a ByteString of bytes. */
export function fromBuffer(buffer: Uint8Array): ByteString {
  return Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength).toString('latin1');
}

/** Returns a ByteString with the UTF-8 bytes of text. */
export function fromText(text: string): ByteString {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Returns the text that the bytes encode in UTF-8, or undefined if the bytes are invalid UTF-8. */
export function toText(bytes: ByteString): string | undefined {
  if (isAscii(bytes)) return bytes;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(toBuffer(bytes));
  } catch {
    return undefined;
  }
}

/** Returns text for a human: the bytes as UTF-8 if valid, else with `\xNN` for each byte above 0x7f. */
export function showBytes(bytes: ByteString): string {
  return toText(bytes) ?? bytes.replace(/[\u0080-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII, which includes control characters
  return /^[\u0000-\u007f]*$/.test(text);
}
