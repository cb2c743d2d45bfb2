import { realpathSync } from 'node:fs';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromBuffer, showBytes, toBuffer } from '../system/bytes.js';
import { rewriteFile } from '../system/write-file.js';
import { readFailure } from '../text/json-bytes.js';
import { readWholeFile } from '../text/read-file.js';

/** A config.json. */
export interface SpecFile {
  /** its path without symlinks */
  path: ByteString;
  text: ByteString;
}

/** @throws LayerhookError RUNTIME_SPEC */
export function readSpecFile(file: ByteString): SpecFile {
  try {
    const path = realpathSync(toBuffer(file), { encoding: 'buffer' });
    return { path: fromBuffer(path), text: fromBuffer(readWholeFile(path)) };
  } catch (error) {
    throw specError(file, readFailure(error), error);
  }
}

/**
 * Replaces the text of a config.json atomically, without flushing it. Mode and owner stay.
 *
 * @throws LayerhookError RUNTIME_SPEC
 */
export function writeSpecFile({ path }: SpecFile, text: ByteString): void {
  try {
    rewriteFile(toBuffer(path), toBuffer(text), { flush: false });
  } catch (error) {
    throw specError(path, `it cannot be written: ${readFailure(error)}`, error);
  }
}

function specError(file: ByteString, reason: string, cause: unknown): LayerhookError {
  return new LayerhookError('RUNTIME_SPEC', { file: showBytes(file), reason }, cause);
}
