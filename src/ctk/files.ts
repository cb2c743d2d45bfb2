import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { makeDirectory } from '../system/make-directory.js';
import { rewriteFile, writeFileAtomic } from '../system/write-file.js';
import { configError } from './error.js';
import type { OtherFile } from './types.js';

/** A change of a file. Undefined means that the file does not exist. */
export interface FileChange {
  file: string;
  before: string | undefined;
  after: string | undefined;
  /** mode of the file if it is new; default: 0644 */
  mode?: number;
}

/** Returns the text of a file; undefined if the file does not exist. */
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

/** Returns the files of a directory in the order of their names. `other` replaces the file of its name. */
export function filesOf(directory: string, other?: OtherFile): { file: string; text: string }[] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const existing = names.map((name) => join(directory, name)).filter((file) => file !== other?.file);
  const isNew = other?.text !== undefined && dirname(other.file) === directory;
  const files = (isNew ? [...existing, other.file] : existing).sort();
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
