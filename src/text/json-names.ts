import { type ByteString, fromText, toText } from '../system/bytes.js';

/** A name of a file in an image as JSON has it: `key` if it is text, else `keyBase64` with its bytes. */
export function encodeName<K extends string>(key: K, name: ByteString): Record<string, string> {
  const text = toText(name);
  return text === undefined
    ? { [`${key}Base64`]: Buffer.from(name, 'latin1').toString('base64') }
    : { [key]: text };
}

/** Returns the name that {@link encodeName} has put into an object; '' if it is missing. */
export function decodeName(key: string, object: Record<string, unknown>): ByteString {
  const text = object[key];
  if (typeof text === 'string') return fromText(text);
  const bytes = object[`${key}Base64`];
  return typeof bytes === 'string' ? Buffer.from(bytes, 'base64').toString('latin1') : '';
}
