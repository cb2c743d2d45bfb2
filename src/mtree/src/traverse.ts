import { type BigIntStats, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { MtreeError } from './error.js';
import { joinPath } from './path.js';
import type { Steps } from './steps.js';

/** A file as it was met. */
export interface Found {
  /** byte string relative to the root, `.` for the root */
  path: string;
  /** its last name */
  name: string;
  /** where node:fs finds it */
  location: string | Buffer;
  stats: BigIntStats;
}

export interface Visitor {
  /** returns whether to go down into it; if not, leaveDirectory is not called for it */
  enterDirectory(found: Found): Steps<boolean>;
  file(found: Found): Steps<void>;
  leaveDirectory(): void;
  /** a file or directory (byte string relative to the root) could not be read; throws if that ends the walk */
  unreadable(path: string, error: MtreeError): void;
}

/**
 * Walks a directory in go-mtree's order: in a directory first all that are no directories, sorted by bytes, then
 * the directories. Symbolic links are not followed, but the root may be one. Files that vanish meanwhile are
 * left out.
 *
 * @throws MtreeError NOT_A_DIRECTORY and UNREADABLE for the root; other errors go to the visitor
 */
export function* traverse(root: string | Buffer, visitor: Visitor): Steps<void> {
  const real = attempt(root, () => realpathSync.native(root, { encoding: 'buffer' })).toString('latin1');
  const stats = attempt(root, () => lstatSync(toLocation(real), { bigint: true }));
  if (!stats.isDirectory()) throw new MtreeError('NOT_A_DIRECTORY', `${show(root)} is not a directory`);
  const prefix = real === '/' ? '' : real;
  // directories that are still to be visited, last first, by depth; its depth is unlimited
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

/** Visits a directory and the files in it. @returns the directories in it, last first; null if it was not entered */
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
    attempt(location, () => readdirSync(location, { encoding: 'latin1' })),
  );
  return names ?? [];
}

function lookAt(prefix: string, path: string, name: string, visitor: Visitor): Found | undefined {
  const location = toLocation(`${prefix}/${path}`);
  const options = { bigint: true, throwIfNoEntry: false } as const;
  const stats = guard(path, visitor, () => attempt(location, () => lstatSync(location, options)));
  return stats && { path, name, location, stats };
}

/** Runs an operation on one file, telling the visitor if that file cannot be read. */
export function guard<T>(
  path: string,
  visitor: Pick<Visitor, 'unreadable'>,
  operation: () => T,
): T | undefined {
  try {
    return operation();
  } catch (error) {
    return tell(path, visitor, error);
  }
}

/** As {@link guard}, for an operation in steps. */
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

/** node:fs takes a string for UTF-8: only ASCII is the same in both. */
function toLocation(bytes: string): string | Buffer {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked
  return /^[\x00-\x7f]*$/.test(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}

/** Runs what reads the file system, naming the file if it fails. */
export function attempt<T>(location: string | Buffer, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new MtreeError('UNREADABLE', `cannot read ${show(location)}: ${reason}`, undefined, error);
  }
}

function show(location: string | Buffer): string {
  return JSON.stringify(location.toString());
}
