import {
  closeSync,
  fchmodSync,
  fchownSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromBuffer, showBytes, toBuffer } from '../system/bytes.js';
import { readBytes, readFailure } from '../text/json-bytes.js';

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
    return { path: fromBuffer(path), text: readBytes(path as Buffer) };
  } catch (error) {
    throw specError(file, readFailure(error), error);
  }
}

/**
 * Replaces a config.json atomically: a reader sees either the old or the new text. Mode and owner stay.
 *
 * @throws LayerhookError RUNTIME_SPEC
 */
export function writeSpecFile({ path }: SpecFile, text: ByteString): void {
  const temporary = toBuffer(`${path}.layerhook-${process.pid}`);
  try {
    const { mode, uid, gid } = statSync(toBuffer(path));
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      writeAll(fd, toBuffer(text));
      // chown first, since it clears bits of the mode
      fchownSync(fd, uid, gid);
      fchmodSync(fd, mode & 0o7777);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, toBuffer(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw specError(path, `it cannot be written: ${readFailure(error)}`, error);
  }
}

function writeAll(fd: number, content: Buffer): void {
  for (let done = 0; done < content.length; ) done += writeSync(fd, content, done);
}

function specError(file: ByteString, reason: string, cause: unknown): LayerhookError {
  return new LayerhookError('RUNTIME_SPEC', { file: showBytes(file), reason }, cause);
}
