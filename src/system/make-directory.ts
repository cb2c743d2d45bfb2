import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { againIfGone } from './again-if-gone.js';
import { isErrno } from './errno.js';

/** Creates a directory as {@link makeDirectories} does. Returns true if it was created, false if it existed before. */
export function makeDirectory(path: string, mode = 0o777): boolean {
  return makeDirectories(path, mode).at(-1) === path;
}

/**
 * Creates a directory and all missing parents. node's recursive mkdir loops forever on a filesystem that answers ENOENT
 * in an existing directory, as /proc does.
 *
 * @param mode permission bits of new directories, before the umask
 * @param onMade called after each directory that was created, also if a later one fails
 * @returns the directories that were created, highest first
 * @throws LayerhookError DIRECTORY_INVALID, NO_SPACE, SYSTEM
 */
export function makeDirectories(path: string, mode = 0o777, onMade?: (path: string) => void): string[] {
  const made: string[] = [];
  const makeMissing = () => {
    const missing: string[] = [];
    for (let at = path; !isDirectory(at, path); at = above(at, path)) missing.unshift(at);
    for (const at of missing) {
      if (!makeOne(at, mode, path)) continue;
      made.push(at);
      onMade?.(at);
    }
  };
  // EEXIST: a directory that was removed after mkdir(2) had found it
  againIfGone(makeMissing, ['ENOENT', 'EEXIST']);
  return made;
}

/**
 * Returns `path` if it is a directory, else its nearest existing parent: where {@link makeDirectory} would begin.
 *
 * @throws LayerhookError DIRECTORY_INVALID if a part of the path is not a directory, SYSTEM
 */
export function nearestDirectory(path: string): string {
  let at = path;
  while (!isDirectory(at, path)) at = above(at, path);
  return at;
}

/**
 * True if a part of `path` is a directory, false if it does not exist.
 *
 * @throws LayerhookError DIRECTORY_INVALID for anything else
 */
function isDirectory(at: string, path: string): boolean {
  // lstat comes first: a directory that another process creates between the two calls cannot pass for a symlink
  const name = look(lstatSync, at, path);
  if (name === undefined) return false;
  const found = name.isSymbolicLink() ? look(statSync, at, path) : name;
  if (found?.isDirectory()) return true;
  const what = found === undefined ? 'a symlink to a missing file' : 'not a directory';
  throw unfit(path, `${at === path ? 'it' : at} is ${what}`);
}

function above(at: string, path: string): string {
  // only if the working directory was removed
  if (dirname(at) === at) throw unfit(path, `${at} is missing`);
  return dirname(at);
}

function look(stat: typeof statSync | typeof lstatSync, at: string, path: string): Stats | undefined {
  try {
    return stat(at);
  } catch (error) {
    // ENOTDIR: the check of the parents finds the one that is not a directory
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fsError(error, `cannot create ${path}`);
  }
}

/** Creates one directory. Returns false if another process created it first. */
function makeOne(at: string, mode: number, path: string): boolean {
  try {
    mkdirSync(at, mode);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST') && isDirectory(at, path)) return false;
    if (isErrno(error, 'ENOENT')) throw unfit(path, `${dirname(at)} does not allow new entries`, error);
    throw fsError(error, `cannot create ${at}`);
  }
}

function unfit(path: string, reason: string, cause?: unknown): LayerhookError {
  return new LayerhookError('DIRECTORY_INVALID', { path, reason }, cause);
}
