import {
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { counted } from '../errors/counted.js';
import { fsError } from '../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { againIfGone } from '../system/again-if-gone.js';
import { close } from '../system/close.js';
import { isErrno } from '../system/errno.js';
import { withNewDirectories } from '../system/new-directories.js';
import { readUpTo } from '../system/read-up-to.js';
import { removeFile } from '../system/regular-file.js';
import { replaceFile, rewriteFile } from '../system/write-file.js';
import { configError } from './error.js';
import type { OtherFile } from './types.js';

/** A change of a file. Undefined means that the file does not exist. */
export interface FileChange {
  file: string;
  before: string | undefined;
  after: string | undefined;
  /** mode of the file if it is new; default: 0644 */
  mode?: number;
  /** directory of the temporary file, on the same filesystem; default: the directory of the file */
  temporaries?: string;
}

/** Limit for a file of an engine: docs/security.md. */
const maxBytes = 1 << 20;

/** The byte-order mark of UTF-8. */
const mark = Buffer.from('\ufeff');

/**
 * Returns the text of a file, without a byte-order mark; undefined if the file does not exist.
 *
 * @throws LayerhookError CTK_CONFIG for anything but a regular file with UTF-8, SYSTEM
 */
export function readText(file: string): string | undefined {
  const content = readRegular(file);
  if (content === undefined) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw configError(file, 'it is not UTF-8');
  }
}

function readRegular(file: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    // a FIFO must not block
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(fd).isFile()) throw configError(file, 'it is not a regular file');
    return readUpTo(fd, file, maxBytes);
  } catch (error) {
    if (isLayerhookError(error, 'LIMIT_EXCEEDED'))
      throw configError(file, `it is larger than ${counted(maxBytes, 'bytes')}`);
    if (error instanceof LayerhookError) throw error;
    if (!isErrno(error, 'ENOENT')) throw fsError(error, `cannot read ${file}`);
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return undefined;
    throw configError(file, 'it is a symlink to a missing file');
  } finally {
    if (fd !== undefined) close(fd);
  }
}

/** Which files of a directory an engine reads. */
interface Reading {
  /** replaces the file of its name */
  other?: OtherFile | undefined;
  /** paths of the files to read; default: all */
  pattern?: RegExp;
  /** True to read the directories below too. */
  recursive?: boolean;
}

/** Returns the files of a directory in the order of their names. */
export function filesOf(directory: string, reading: Reading = {}): { file: string; text: string }[] {
  const { other, pattern = /./, recursive = false } = reading;
  const entries = existsSync(directory) ? readdirSync(directory, { withFileTypes: true }) : [];
  const directories = new Set(entries.filter((each) => each.isDirectory()).map(({ name }) => name));
  const isNew = other?.text !== undefined && dirname(other.file) === directory;
  const names = new Set([...entries.map(({ name }) => name), ...(isNew ? [basename(other.file)] : [])]);
  return [...names].sort().flatMap((name) => {
    const file = join(directory, name);
    if (directories.has(name)) return recursive ? filesOf(file, reading) : [];
    const text = file === other?.file ? other.text : pattern.test(file) ? readText(file) : undefined;
    return text === undefined ? [] : [{ file, text }];
  });
}

/**
 * Writes or removes files, each atomically. Mode, owner and byte-order mark stay; a symlink stays, and its target is
 * written. Temporary files that a killed process left are removed first.
 */
export function applyChanges(changes: readonly FileChange[]): void {
  for (const change of changes) {
    const { file, after } = change;
    if (after === undefined) removeFile(file);
    else write(change, after);
  }
}

function write({ file, mode = 0o644, temporaries }: FileChange, text: string): void {
  const old = readRegular(file);
  const target = old === undefined ? file : realpathSync(file);
  const temporary = temporaries === undefined ? target : join(temporaries, basename(file));
  try {
    withNewDirectories((made) =>
      againIfGone(() => {
        made.make(dirname(target));
        sweep(temporary);
        if (old === undefined) replaceFile(target, (fd) => writeFileSync(fd, text), { mode, temporary });
        else rewriteFile(target, (old.indexOf(mark) === 0 ? String(mark) : '') + text, { temporary });
      }),
    );
  } catch (error) {
    throw fsError(error, `cannot write ${target}`);
  }
}

/** Removes temporary files that killed processes left. */
function sweep(temporary: string): void {
  const directory = dirname(temporary);
  for (const name of readdirSync(directory)) {
    const suffix = name.startsWith(basename(temporary)) ? name.slice(basename(temporary).length) : '';
    if (/^\.[0-9a-f]{12}\.tmp$/.test(suffix)) removeFile(join(directory, name));
  }
}
