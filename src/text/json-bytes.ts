import { errorCode, systemWords } from '../errors/fs-error.js';
import type { LayerhookError } from '../errors/index.js';
import type { ByteString } from '../system/bytes.js';

/**
 * Parses JSON. Strings in the result have one char per byte; {@link utf8} decodes them.
 *
 * @throws the error that `fail` creates from the reason
 */
export function parseJson(text: ByteString, fail: (reason: string) => LayerhookError): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const at = /at position (\d+)/.exec(message)?.[1];
    const line = at === undefined ? '' : ` (line ${text.slice(0, Number(at)).split('\n').length})`;
    throw fail(text.trim() === '' ? 'it is empty' : `it is not JSON: ${reasonOf(message)}${line}`);
  }
}

/** Decodes a string from {@link parseJson}. */
export function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Returns V8's message without its quote of the document and without the position, which we give as a line. */
function reasonOf(message: string): string {
  return message.replace(/,? (in JSON )?at position .*|, "[\s\S]*" is not valid JSON$/, '').trim();
}

/** Returns in words why a file could not be read or written. */
export function readFailure(error: unknown): string {
  return errorCode(error) === 'ENOENT' ? 'it does not exist' : systemWords(error);
}
