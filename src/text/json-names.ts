import { type ByteString, fromText, toText } from '../system/bytes.js';

/** A name in JSON has one of two keys: its own if the name is UTF-8, else the one with `Base64`, for its bytes. */
export type EncodedName<K extends string> = { [key in K | `${K}Base64`]?: string };

/** A name of a file in an image as JSON has it: `key` if it is text, else `keyBase64` with its bytes. */
export function encodeName<K extends string>(key: K, name: ByteString): EncodedName<K> {
  const text = toText(name);
  const encoded =
    text === undefined
      ? { [`${key}Base64`]: Buffer.from(name, 'latin1').toString('base64') }
      : { [key]: text };
  // TypeScript widens computed keys to string
  return encoded as EncodedName<K>;
}

/** Returns the name that {@link encodeName} has put into an object; '' if it is missing. */
export function decodeName(key: string, object: object): ByteString {
  const names = object as Record<string, unknown>;
  const text = names[key];
  if (typeof text === 'string') return fromText(text);
  const bytes = names[`${key}Base64`];
  return typeof bytes === 'string' ? Buffer.from(bytes, 'base64').toString('latin1') : '';
}
