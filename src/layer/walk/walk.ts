import { systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { openat, statAt } from '../../system/access.js';
import { type ByteString, fromText, showBytes } from '../../system/bytes.js';
import { Descent } from '../../system/descent.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O } from '../../system/files.js';
import { maxDepth } from '../../system/path-limits.js';
import { readDirectory } from '../../system/readdir.js';
import { StatBuffer, statFd } from '../../system/stat.js';
import { atOnce, filesPerStep, type Steps } from '../../system/steps.js';

/**
 * Called for each file of a tree, directories before their content. The arguments are valid only during the call.
 *
 * @param path relative to the root; `.` for the root itself
 * @param stat of the file; a symlink is not followed
 * @param dirfd its open parent directory, for `*at` calls with `name`; for the root, the root itself
 * @param name last component of the path; `.` for the root
 * @returns false: do not visit the content of this directory
 */
export type Visit = (path: ByteString, stat: StatBuffer, dirfd: number, name: ByteString) => boolean | void;

export interface WalkOptions {
  /** True: goes deeper than 2048 directories. Only for visitors that keep no paths, which may take gigabytes. */
  anyDepth?: boolean;
}

/** A directory whose names are being visited. */
interface Level {
  prefix: ByteString;
  names: ByteString[];
  next: number;
}

/**
 * Visits a whole tree in a fixed order: the names in a directory sorted bytewise, the content of a directory directly
 * after the directory. Symlinks are not followed. Files that vanish meanwhile are skipped.
 *
 * The calls are synchronous: 25,000 files take about 0.1 s. Deep trees need neither stack nor file descriptors.
 *
 * @param root path of a directory, or of a symlink to one
 * @throws LayerhookError SYSTEM; LIMIT_EXCEEDED for directories deeper than 2048
 */
export function walk(root: string, visit: Visit, options: WalkOptions = {}): void {
  atOnce(walkSteps(root, visit, options));
}

/** Does the same as {@link walk} in steps: see inTurns. */
export function walkSteps(root: string, visit: Visit, options: WalkOptions = {}): Steps<void> {
  return new Walk(root, visit, options).run();
}

class Walk {
  readonly #root: string;
  readonly #visit: Visit;
  readonly #anyDepth: boolean;
  readonly #stat = new StatBuffer();
  /** the current path, for errors */
  #at: ByteString;

  constructor(root: string, visit: Visit, { anyDepth = false }: WalkOptions) {
    this.#root = root;
    this.#visit = visit;
    this.#anyDepth = anyDepth;
    this.#at = fromText(root);
  }

  *run(): Steps<void> {
    try {
      const fd = openat(AT_FDCWD, this.#at, O.RDONLY | O.DIRECTORY);
      const descent = new Descent(fd);
      try {
        statFd(fd, this.#stat, this.#at);
        if (this.#visit('.', this.#stat, fd, '.') !== false) yield* this.#visitBelow(descent);
      } finally {
        descent.close();
        close(fd);
      }
    } catch (error) {
      throw error instanceof SystemError ? cannotRead(this.#root, this.#at, error) : error;
    }
  }

  *#visitBelow(descent: Descent): Steps<void> {
    let visited = 0;
    const levels: Level[] = [{ prefix: '', names: namesIn(descent.fd), next: 0 }];
    for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
      const name = level.names[level.next++];
      if (name === undefined) {
        levels.pop();
        if (levels.length > 0) this.#require(descent.leave());
        continue;
      }
      this.#at = level.prefix + name;
      if (++visited % filesPerStep === 0) yield;
      if (!this.#visitOne(descent.fd, name)) continue;
      const entered = descent.enter(name);
      if (entered === -E.ENOENT) continue;
      this.#require(entered);
      if (!this.#anyDepth) requireDepth(this.#root, levels.length);
      levels.push({ prefix: `${this.#at}/`, names: namesIn(descent.fd), next: 0 });
    }
  }

  /** Returns true if the file is a directory whose content must be visited. */
  #visitOne(dirfd: number, name: ByteString): boolean {
    if (!statAt(dirfd, name, this.#stat)) return false;
    const { isDirectory } = this.#stat;
    return this.#visit(this.#at, this.#stat, dirfd, name) !== false && isDirectory;
  }

  #require(done: number): void {
    if (done < 0) throw new SystemError(-done, 'openat', this.#at);
  }
}

/**
 * Refuses a tree that is too deep to keep its paths. A container can make one of any depth with mkdir and chdir.
 *
 * @param root path of the tree, for the error
 * @param depth directories between the root and a file
 * @throws LayerhookError LIMIT_EXCEEDED
 */
export function requireDepth(root: string, depth: number): void {
  if (depth <= maxDepth) return;
  throw new LayerhookError('LIMIT_EXCEEDED', { what: `depth of ${root}`, limit: maxDepth });
}

/** Returns the names in an open directory, sorted bytewise. @param path of the directory, for an error */
export function namesIn(fd: number, path?: ByteString): ByteString[] {
  const names: ByteString[] = [];
  for (const { name } of readDirectory(fd, path)) names.push(name);
  return names.sort();
}

/** Creates the error for an unreadable file of a tree. */
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
