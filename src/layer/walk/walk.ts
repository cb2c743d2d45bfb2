import { systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { Descent } from '../../system/descent.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, openat } from '../../system/files.js';
import { readDirectory } from '../../system/readdir.js';
import { StatBuffer, statAt, statFd } from '../../system/stat.js';
import { atOnce, filesPerStep, type Steps } from '../../system/steps.js';

/**
 * Called for each file of a tree, a directory before what is in it. The arguments are valid only during the call.
 *
 * @param path relative to the root; `.` for the root itself
 * @param stat what it is; a symlink is not followed
 * @param dirfd the open directory it is in, for `*at` calls on `name`; for the root the root itself
 * @param name last component of the path; `.` for the root
 * @returns false: do not visit what is in this directory
 */
export type Visit = (path: ByteString, stat: StatBuffer, dirfd: number, name: ByteString) => boolean | void;

/** Directories below one another whose paths are kept: unpack makes no deeper ones. */
const maxDepth = 2048;

export interface WalkOptions {
  /** Goes deeper than 2048 directories: only for visitors that keep no path, since those may take gigabytes. */
  anyDepth?: boolean;
}

/** A directory whose names are being visited. */
interface Level {
  prefix: ByteString;
  names: ByteString[];
  next: number;
}

/**
 * Visits a whole tree in a fixed order: the names in a directory sorted bytewise, what is in a directory right after
 * the directory itself. No link is followed; what vanishes while it runs is as if never there.
 *
 * Calls are synchronous: 25,000 files take about 0.1 s. The depth costs neither stack nor descriptors.
 *
 * @param root path of a directory, or of a symlink to one
 * @throws LayerhookError SYSTEM; LIMIT_EXCEEDED for directories deeper than 2048
 */
export function walk(root: string, visit: Visit, options: WalkOptions = {}): void {
  atOnce(walkSteps(root, visit, options));
}

/** As {@link walk}, in steps: see inTurns. */
export function* walkSteps(root: string, visit: Visit, options: WalkOptions = {}): Steps<void> {
  let visited = 0;
  const stat = new StatBuffer();
  let at: ByteString = fromText(root);
  try {
    const fd = openat(AT_FDCWD, at, O.RDONLY | O.DIRECTORY);
    const descent = new Descent(fd);
    try {
      statFd(fd, stat, at);
      if (visit('.', stat, fd, '.') !== false) yield* visitBelow(descent);
    } finally {
      descent.close();
      close(fd);
    }
  } catch (error) {
    throw error instanceof SystemError ? cannotRead(root, at, error) : error;
  }

  function* visitBelow(descent: Descent): Steps<void> {
    const levels: Level[] = [{ prefix: '', names: namesIn(descent.fd), next: 0 }];
    for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
      const name = level.names[level.next++];
      if (name === undefined) {
        levels.pop();
        if (levels.length > 0) require(descent.leave());
        continue;
      }
      at = level.prefix + name;
      if (++visited % filesPerStep === 0) yield;
      if (!visitOne(descent.fd, name)) continue;
      const entered = descent.enter(name);
      if (entered === -E.ENOENT) continue;
      require(entered);
      if (options.anyDepth !== true) requireDepth(root, levels.length);
      levels.push({ prefix: `${at}/`, names: namesIn(descent.fd), next: 0 });
    }
  }

  /** Returns true if it is a directory whose content is to be visited. */
  function visitOne(dirfd: number, name: ByteString): boolean {
    if (!statAt(dirfd, name, stat)) return false;
    const { isDirectory } = stat;
    return visit(at, stat, dirfd, name) !== false && isDirectory;
  }

  function require(done: number): void {
    if (done < 0) throw new SystemError(-done, 'openat', at);
  }
}

/**
 * Refuses a tree too deep for its paths to be kept. A container can make one of any depth with mkdir and chdir.
 *
 * @param root path of the tree, for the error
 * @param depth directories between the root and a file
 * @throws LayerhookError LIMIT_EXCEEDED
 */
export function requireDepth(root: string, depth: number): void {
  if (depth <= maxDepth) return;
  throw new LayerhookError('LIMIT_EXCEEDED', { what: `depth of ${root}`, limit: maxDepth });
}

/** Names in an open directory, sorted bytewise. */
export function namesIn(fd: number): ByteString[] {
  const names: ByteString[] = [];
  for (const { name } of readDirectory(fd)) names.push(name);
  return names.sort();
}

/** What a tree that cannot be read ends with. */
export function cannotRead(root: string, path: ByteString, cause: SystemError): LayerhookError {
  const file = path === fromText(root) ? root : `${root}/${showBytes(path)}`;
  return new LayerhookError(
    'SYSTEM',
    {
      what: `cannot read ${file}`,
      reason: systemWords(cause),
      expected: 'check that it exists and may be read',
    },
    cause,
  );
}
