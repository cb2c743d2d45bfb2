import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { isErrno } from './errno.js';

/**
 * Makes a directory with all that are missing above it. node's own recursive mkdir never ends where a filesystem says
 * ENOENT of a directory that is there, as /proc does.
 *
 * @param mode of what is made, less the umask
 * @returns whether it was made: false if it is there
 * @throws LayerhookError DIRECTORY_INVALID, NO_SPACE, SYSTEM
 */
export function makeDirectory(path: string, mode = 0o777): boolean {
  const missing: string[] = [];
  for (let at = path; !isDirectory(at, path); at = above(at, path)) missing.unshift(at);
  return missing.map((at) => makeOne(at, mode, path)).at(-1) ?? false;
}

/**
 * The directory that a path is, or the nearest one above it: where {@link makeDirectory} would begin.
 *
 * @throws LayerhookError DIRECTORY_INVALID if something else is in the way, SYSTEM
 */
export function nearestDirectory(path: string): string {
  let at = path;
  while (!isDirectory(at, path)) at = above(at, path);
  return at;
}

/** Whether a part of `path` is there; it is a directory then. */
function isDirectory(at: string, path: string): boolean {
  const found = look(statSync, at, path);
  if (found?.isDirectory()) return true;
  if (found !== undefined) throw unfit(path, `${at === path ? 'it' : at} is no directory`);
  if (look(lstatSync, at, path) !== undefined)
    throw unfit(path, `${at === path ? 'it' : at} is a symlink that leads nowhere`);
  return false;
}

function above(at: string, path: string): string {
  // only where the working directory has been removed
  if (dirname(at) === at) throw unfit(path, `${at} is not there`);
  return dirname(at);
}

function look(stat: typeof statSync | typeof lstatSync, at: string, path: string): Stats | undefined {
  try {
    return stat(at);
  } catch (error) {
    // a parent that is no directory is found further up
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw fsError(error, `cannot make ${path}`);
  }
}

/** @returns false if another process was quicker */
function makeOne(at: string, mode: number, path: string): boolean {
  try {
    mkdirSync(at, mode);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST') && isDirectory(at, path)) return false;
    if (isErrno(error, 'ENOENT')) throw unfit(path, `nothing can be made in ${dirname(at)}`, error);
    throw fsError(error, `cannot make ${at}`);
  }
}

function unfit(path: string, reason: string, cause?: unknown): LayerhookError {
  return new LayerhookError('DIRECTORY_INVALID', { path, reason }, cause);
}
