import { type BigIntStats, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { MtreeError } from './error.js';
import { joinPath } from './path.js';
import type { Steps } from './steps.js';

/** A file that a walk found. */
export interface Found {
  /** byte string relative to the root; `.` is the root */
  path: string;
  /** last component of the path */
  name: string;
  /** the path for node:fs */
  location: string | Buffer;
  stats: BigIntStats;
}

/** Runs a call that reads the file at a path; see SystemOptions. */
export type Access = <T>(path: Buffer, call: () => T) => T;

export interface Visitor {
  access?: Access | undefined;
  /** returns true to go down into the directory; otherwise leaveDirectory is not called for it */
  enterDirectory(found: Found): Steps<boolean>;
  file(found: Found): Steps<void>;
  leaveDirectory(): void;
  /** a file or directory (byte string relative to the root) could not be read; may throw to end the walk */
  unreadable(path: string, error: MtreeError): void;
}

/**
 * Walks a directory in go-mtree's order: in each directory first the non-directories, sorted by bytes, and after them the
 * directories, also sorted. Symbolic links are not followed, but the root may be one. Files that disappear during the
 * walk are skipped.
 *
 * @throws MtreeError NOT_A_DIRECTORY and UNREADABLE for the root; other errors go to the visitor
 */
export function* traverse(root: string | Buffer, visitor: Visitor): Steps<void> {
  const real = attempt(root, () => realpathSync.native(root, { encoding: 'buffer' })).toString('latin1');
  const stats = attempt(root, () => lstatSync(toLocation(real), { bigint: true }));
  if (!stats.isDirectory()) throw new MtreeError('NOT_A_DIRECTORY', `${show(root)} is not a directory`);
  const prefix = real === '/' ? '' : real;
  // for each level, the directories still to visit, in reverse order; the depth is unlimited
  const levels: Found[][] = [[{ path: '.', name: '.', location: toLocation(real), stats }]];
  for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
    const directory = level.pop();
    if (directory === undefined) {
      levels.pop();
      if (levels.length > 0) visitor.leaveDirectory();
      continue;
    }
    const below = yield* visitDirectory(prefix, directory, visitor);
    if (below !== null) levels.push(below);
  }
}

/** Visits a directory and its files. Returns its directories in reverse order, or null if the visitor skips it. */
function* visitDirectory(prefix: string, directory: Found, visitor: Visitor): Steps<Found[] | null> {
  if (!(yield* visitor.enterDirectory(directory))) return null;
  const directories: Found[] = [];
  for (const name of namesIn(directory, visitor).sort()) {
    const found = lookAt(prefix, joinPath(directory.path, name), name, visitor);
    if (found?.stats.isDirectory()) directories.push(found);
    else if (found) yield* visitor.file(found);
    yield;
  }
  return directories.reverse();
}

function namesIn({ path, location }: Found, visitor: Visitor): string[] {
  const names = guard(path, visitor, () =>
    attempt(location, () => readdirSync(location, { encoding: 'latin1' }), visitor.access),
  );
  return names ?? [];
}

function lookAt(prefix: string, path: string, name: string, visitor: Visitor): Found | undefined {
  const location = toLocation(`${prefix}/${path}`);
  const options = { bigint: true, throwIfNoEntry: false } as const;
  const stats = guard(path, visitor, () =>
    attempt(location, () => lstatSync(location, options), visitor.access),
  );
  return stats && { path, name, location, stats };
}

/** Runs an operation on one file. Calls the visitor's `unreadable` if the file cannot be read. */
function guard<T>(path: string, visitor: Pick<Visitor, 'unreadable'>, operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    return tell(path, visitor, error);
  }
}

/** Does the same as {@link guard}, for an operation in steps. */
export function* guardSteps<T>(
  path: string,
  visitor: Pick<Visitor, 'unreadable'>,
  operation: Steps<T>,
): Steps<T | undefined> {
  try {
    return yield* operation;
  } catch (error) {
    return tell(path, visitor, error);
  }
}

function tell(path: string, visitor: Pick<Visitor, 'unreadable'>, error: unknown): undefined {
  if (!(error instanceof MtreeError) || error.code !== 'UNREADABLE') throw error;
  visitor.unreadable(path, error);
}

/** Returns a path for node:fs, which encodes strings as UTF-8: only ASCII can stay a string. */
function toLocation(bytes: string): string | Buffer {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII, which includes control characters
  return /^[\x00-\x7f]*$/.test(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}

/** Runs an operation that reads the file system. Errors name the file. */
export function attempt<T>(location: string | Buffer, operation: () => T, access?: Access): T {
  try {
    return access === undefined ? operation() : access(Buffer.from(location), operation);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new MtreeError('UNREADABLE', `cannot read ${show(location)}: ${reason}`, undefined, error);
  }
}

function show(location: string | Buffer): string {
  return JSON.stringify(location.toString());
}
