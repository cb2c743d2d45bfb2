import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { LayerhookError } from '../errors/index.js';
import { type ByteString, fromBuffer } from '../system/bytes.js';

/** The bytes of a regular file. A FIFO in its place must not block the start of a container. */
export function readBytes(file: string | Buffer): ByteString {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw new Error('it is not a regular file');
    return fromBuffer(readFileSync(fd));
  } finally {
    closeSync(fd);
  }
}

/**
 * What a JSON text says. Strings have one char a byte: see {@link utf8}.
 *
 * @throws what `fail` makes of the reason
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

/** The text of a string that {@link parseJson} gave. */
export function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** As V8 words it, without the document that it quotes and the position that we give as a line. */
function reasonOf(message: string): string {
  return message.replace(/,? (in JSON )?at position .*|, "[\s\S]*" is not valid JSON$/, '').trim();
}

/** Why a file could not be read or written, in words. */
export function readFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'it does not exist';
  return code === 'EACCES' ? 'permission denied' : (code ?? message);
}
