import type { ByteString } from '../../system/bytes.js';
import { fromText } from '../../system/bytes.js';
import { E, SystemError } from '../../system/errno.js';
import { AT_FDCWD, close, O, openat, S, tryOpenat } from '../../system/files.js';
import { StatBuffer, statAt, statFd } from '../../system/stat.js';
import { comparePaths, type StatTable, statTree, statWord, statWords, TableBuilder } from './stat-table.js';
import { cannotRead, namesIn } from './walk.js';

/**
 * As {@link statTree}, of a tree that is known from before: a directory whose stat is the same has the same names in
 * it, and is not read again. That takes a third off.
 *
 * @param before what stat said then
 * @param isSure whether a directory, by its row in `before`, cannot have changed since then without a trace
 * @throws LayerhookError SYSTEM, LIMIT_EXCEEDED
 */
export function statTreeAgain(root: string, before: StatTable, isSure: (row: number) => boolean): StatTable {
  let fd: number | undefined;
  try {
    fd = openat(AT_FDCWD, fromText(root), O.PATH | O.DIRECTORY);
    return new Again(fd, before, isSure).run();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    // deeper than a path from the root can be long
    if (error.code === 'ENAMETOOLONG') return statTree(root);
    throw cannotRead(root, error.path, error);
  } finally {
    if (fd !== undefined) close(fd);
  }
}

class Again {
  readonly #root: number;
  readonly #paths: ByteString[];
  readonly #words: Uint32Array;
  readonly #isSure: (row: number) => boolean;
  readonly #stat = new StatBuffer();
  readonly #table = new TableBuilder();

  constructor(root: number, { paths, words }: StatTable, isSure: (row: number) => boolean) {
    this.#root = root;
    this.#paths = paths;
    this.#words = words;
    this.#isSure = isSure;
  }

  run(): StatTable {
    statFd(this.#root, this.#stat, '.');
    this.#table.add('.', this.#stat);
    if (this.#isSame(0)) this.#visitKnown(0, '');
    else this.#visitNames('.', '');
    return this.#table.finish();
  }

  /** Visits what was in a directory before. @returns the row after all that was in it */
  #visitKnown(directory: number, prefix: ByteString): number {
    const paths = this.#paths;
    let row = directory + 1;
    while (row < paths.length && paths[row]!.startsWith(prefix)) row = this.#visit(paths[row]!, row);
    return row;
  }

  /** Visits what is in a directory now. */
  #visitNames(directory: ByteString, prefix: ByteString): void {
    const fd = tryOpenat(this.#root, directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    if (fd === -E.ENOENT) return;
    if (fd < 0) throw new SystemError(-fd, 'openat', directory);
    let names: ByteString[];
    try {
      names = namesIn(fd);
    } finally {
      close(fd);
    }
    for (const name of names) {
      const path = prefix + name;
      this.#visit(path, this.#find(path));
    }
  }

  /**
   * Visits a file and all that is in it.
   *
   * @param row in the old table; -1 if it was not there
   * @returns the row after all that was in it
   */
  #visit(path: ByteString, row: number): number {
    const stat = this.#stat;
    const found = statAt(this.#root, path, stat);
    if (found) {
      this.#table.add(path, stat);
      if (stat.isDirectory) {
        const prefix = `${path}/`;
        if (row >= 0 && this.#isSame(row)) return this.#visitKnown(row, prefix);
        this.#visitNames(path, prefix);
      }
    }
    return row < 0 ? row : this.#skip(row);
  }

  #isSame(row: number): boolean {
    return this.#table.lastIs(this.#words, row) && this.#isSure(row);
  }

  /** @returns the row after all that was in the file of this one */
  #skip(row: number): number {
    const wasDirectory = (this.#words[row * statWords + statWord.mode]! & S.IFMT) === S.IFDIR;
    if (!wasDirectory) return row + 1;
    const paths = this.#paths;
    const prefix = `${paths[row]}/`;
    let next = row + 1;
    while (next < paths.length && paths[next]!.startsWith(prefix)) next++;
    return next;
  }

  /** The row of a path before, or -1. */
  #find(path: ByteString): number {
    const paths = this.#paths;
    let low = 0;
    let high = paths.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = comparePaths(paths[middle]!, path);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}
