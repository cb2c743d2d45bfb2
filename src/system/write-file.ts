import { randomBytes } from 'node:crypto';
import {
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { fsError } from '../errors/fs-error.js';
import { fromBuffer, fromText } from './bytes.js';
import { close } from './close.js';
import { writeAndClose } from './close-on-error.js';
import { removeFile } from './regular-file.js';

/**
 * Atomic writes in a directory that only trusted users write to. temporary.ts has the same for directories that other
 * users may write to: by descriptor, with locks, and with a sweep of the files that killed processes leave.
 */

export interface ReplaceOptions {
  /** permission bits of the new file, before the umask; default 0o644 */
  mode?: number;
  /** false: do not flush, so that a power loss may leave an incomplete file; default true */
  flush?: boolean;
  /** path of the temporary file without its random suffix, on the same filesystem; default: `path` */
  temporary?: string;
}

/**
 * Replaces a file atomically: `write` fills a new file beside it, which is then flushed and renamed. Readers see the old
 * file or the complete new one. The new file has a random name and is created exclusively, so that a symlink planted
 * beforehand is not followed. If `write` fails, the new file is removed.
 *
 * @param write gets the descriptor of the new file; may return a promise
 * @returns the result of `write`
 * @throws errors of node:fs and of `write`
 */
export function replaceFile<T>(
  path: string | Buffer,
  write: (fd: number) => T,
  { mode = 0o644, flush = true, temporary: prefix }: ReplaceOptions = {},
): T {
  const suffix = `.${randomBytes(6).toString('hex')}.tmp`;
  const start = prefix ?? path;
  const temporary = typeof start === 'string' ? start + suffix : Buffer.concat([start, Buffer.from(suffix)]);
  const fd = openSync(temporary, 'wx', mode);
  const flushed = <R>(result: R): R => {
    if (flush) fsyncSync(fd);
    return result;
  };
  const publish = <R>(result: R): R => {
    renameSync(temporary, path);
    return result;
  };
  const discard = (error: unknown): never => {
    removeFile(temporary);
    throw error;
  };
  const shown = typeof path === 'string' ? fromText(path) : fromBuffer(path);
  try {
    // closed before the rename: without a flush, only the close tells that the content is lost
    const result = writeAndClose(fd, shown, () => andThen(write(fd), flushed));
    return andThen(result, publish, discard);
  } catch (error) {
    return discard(error);
  }
}

/** Calls `then` with a value or the value of a promise, and `failed` if the promise fails. */
function andThen<T>(value: T, then: <R>(value: R) => R, failed?: (error: unknown) => never): T {
  return value instanceof Promise ? (value.then(then).catch(failed) as T) : then(value);
}

/** Writes a file atomically, as {@link replaceFile}. @throws LayerhookError NO_SPACE, SYSTEM */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o644): void {
  try {
    replaceFile(path, (fd) => writeFileSync(fd, content), { mode });
  } catch (error) {
    throw fsError(error, `cannot write ${path}`);
  }
}

/** Writes the names in a directory to disk: no power loss undoes a rename in it. @throws LayerhookError NO_SPACE, SYSTEM */
export function flushDirectory(path: string): void {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      close(fd);
    }
  } catch (error) {
    throw fsError(error, `flushing ${path}`);
  }
}

/**
 * Replaces the content of an existing file, as {@link replaceFile}. Mode and owner stay.
 *
 * @param path of the file itself, not of a symlink to it
 * @throws errors of node:fs
 */
export function rewriteFile(
  path: string | Buffer,
  content: string | Uint8Array,
  options: Omit<ReplaceOptions, 'mode'> = {},
): void {
  const { mode, uid, gid } = statSync(path);
  const write = (fd: number) => {
    writeFileSync(fd, content);
    // chown first: it clears setuid and setgid
    fchownSync(fd, uid, gid);
    fchmodSync(fd, mode & 0o7777);
  };
  replaceFile(path, write, { ...options, mode: 0o600 });
}
