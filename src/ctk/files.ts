import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { makeDirectory } from '../system/make-directory.js';
import { rewriteFile, writeFileAtomic } from '../system/write-file.js';
import { configError } from './error.js';
import type { OtherFile } from './types.js';

/** What becomes of a file: undefined stands for no file. */
export interface FileChange {
  file: string;
  before: string | undefined;
  after: string | undefined;
  /** mode of the file if it is new; default: 0644 */
  mode?: number;
}

/** The text of a file; undefined if it does not exist. */
export function readText(file: string): string | undefined {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fsError(error, `cannot read ${file}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw configError(file, 'it is not UTF-8');
  }
}

/** The files of a directory in the order of their names, with another in the place of the one of its name. */
export function filesOf(directory: string, other?: OtherFile): { file: string; text: string }[] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const there = names.map((name) => join(directory, name)).filter((file) => file !== other?.file);
  const isNew = other?.text !== undefined && dirname(other.file) === directory;
  const files = (isNew ? [...there, other.file] : there).sort();
  return files.map((file) => ({ file, text: (file === other?.file ? other.text : readText(file)) ?? '' }));
}

/** Writes or removes files, each atomically. Mode and owner stay; a symlink stays, and its target is written. */
export function applyChanges(changes: readonly FileChange[]): void {
  for (const { file, after, mode = 0o644 } of changes) {
    if (after === undefined) {
      rmSync(file, { force: true });
      continue;
    }
    const old = statSync(file, { throwIfNoEntry: false });
    const target = old === undefined ? file : realpathSync(file);
    makeDirectory(dirname(target));
    if (old === undefined) writeFileAtomic(target, after, mode);
    else rewrite(target, after);
  }
}

function rewrite(path: string, text: string): void {
  try {
    rewriteFile(path, text);
  } catch (error) {
    throw fsError(error, `cannot write ${path}`);
  }
}
