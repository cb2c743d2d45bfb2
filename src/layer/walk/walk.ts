import { systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { atOnce, FILES_A_STEP, type Steps } from '../../steps.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, openat, tryOpenat } from '../../system/files.js';
import { readDirectory } from '../../system/readdir.js';
import { StatBuffer, statAt, statFd } from '../../system/stat.js';

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

/** Deeper directories have paths longer than any system call takes (PATH_MAX). */
const maxDepth = 2048;

/**
 * Visits a whole tree in a fixed order: the names in a directory sorted bytewise, what is in a directory right after
 * the directory itself. No link is followed; what vanishes while it runs is as if never there.
 *
 * Calls are synchronous: 25,000 files take about 0.1 s.
 *
 * @param root path of a directory, or of a symlink to one
 * @throws LayerhookError SYSTEM, LIMIT_EXCEEDED
 */
export function walk(root: string, visit: Visit): void {
  atOnce(walkSteps(root, visit));
}

/** As {@link walk}, in steps: see inTurns. */
export function* walkSteps(root: string, visit: Visit): Steps<void> {
  const stat = new StatBuffer();
  let at: ByteString = fromText(root);
  let visited = 0;
  try {
    const fd = openat(AT_FDCWD, at, O.RDONLY | O.DIRECTORY);
    try {
      statFd(fd, stat, at);
      if (visit('.', stat, fd, '.') !== false) yield* visitDirectory(fd, '', 0);
    } finally {
      close(fd);
    }
  } catch (error) {
    throw error instanceof SystemError ? cannotRead(root, at, error) : error;
  }

  function* visitDirectory(fd: number, prefix: ByteString, depth: number): Steps<void> {
    if (depth > maxDepth)
      throw new LayerhookError('LIMIT_EXCEEDED', { what: `depth of ${root}`, limit: maxDepth });
    for (const name of namesIn(fd)) {
      const path = prefix + name;
      at = path;
      if (++visited % FILES_A_STEP === 0) yield;
      if (!statAt(fd, name, stat)) continue;
      const isDirectory = stat.isDirectory;
      if (visit(path, stat, fd, name) !== false && isDirectory) yield* descend(fd, name, path, depth);
    }
  }

  function* descend(parent: number, name: ByteString, path: ByteString, depth: number): Steps<void> {
    const fd = tryOpenat(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    if (fd === -E.ENOENT) return;
    if (fd < 0) throw new SystemError(-fd, 'openat', path);
    try {
      yield* visitDirectory(fd, `${path}/`, depth + 1);
    } finally {
      close(fd);
    }
  }
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
