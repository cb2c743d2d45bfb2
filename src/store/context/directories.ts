import { mkdirSync, mkdtempSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { fchmodat, UTIME_OMIT, utimensat } from '../../system/attributes.js';
import { fromText } from '../../system/bytes.js';
import { isErrno } from '../../system/errno.js';
import { AT_FDCWD } from '../../system/files.js';
import { filesystemOf } from '../../system/filesystem.js';
import { makeDirectory } from '../../system/make-directory.js';
import { disableCopyOnWrite } from '../../system/nocow.js';
import { removeTree } from '../../system/remove.js';
import { StatBuffer, statAt } from '../../system/stat.js';
import { databaseOf, snapshotsOf } from '../exists.js';
import { copyRootAttributes } from './root-attributes.js';
import { type TreeWork, treeWorkHere } from './tree-work.js';

/** prefix of a directory that is being made; only who writes the metadata makes them */
const temporaryPrefix = 'new-';

/** The files of a store: `metadata/`, `snapshots/ID/{fs,work}`, `removed/`, `locks/`. */
export class Directories {
  readonly root: string;
  readonly database: string;
  readonly #metadata: string;
  readonly #snapshots: string;
  readonly #removed: string;
  readonly #locks: string;
  readonly #trees: TreeWork;

  constructor(root: string, trees = treeWorkHere) {
    this.root = root;
    this.#trees = trees;
    this.#metadata = join(root, 'metadata');
    this.database = databaseOf(root);
    this.#snapshots = snapshotsOf(root);
    this.#removed = join(root, 'removed');
    this.#locks = join(root, 'locks');
  }

  /** Makes what is not there. @throws LayerhookError DIRECTORY_INVALID, NO_SPACE, SYSTEM */
  make(): void {
    for (const path of [this.root, this.#snapshots, this.#removed, this.#locks]) {
      makeDirectory(path, 0o700);
    }
    if (makeDirectory(this.#metadata, 0o700))
      inStore(`preparing ${this.#metadata}`, () => overwriteInPlace(this.#metadata));
  }

  /** the directory of a content's own files */
  fs(content: string): string {
    return `${this.#snapshots}/${content}/fs`;
  }

  work(content: string): string {
    return `${this.#snapshots}/${content}/work`;
  }

  /** the directory that is all of a content */
  of(content: string): string {
    return `${this.#snapshots}/${content}`;
  }

  /** a manifest by which a layer can be verified, if its extractor wrote one */
  manifest(content: string): string {
    return join(this.#snapshots, content, 'manifest.mtree');
  }

  lock(name: string): string {
    return join(this.#locks, name);
  }

  /**
   * Makes the directory of a content, whole or not at all. To be called inside a write transaction, so that nobody
   * takes what is half made for a leftover.
   *
   * @param parent content below it, whose root's attributes it gets
   */
  create(content: string, parent: string | undefined): void {
    inStore(`making ${this.of(content)}`, () => {
      const temporary = mkdtempSync(join(this.#snapshots, temporaryPrefix));
      try {
        const fs = join(temporary, 'fs');
        mkdirSync(fs);
        // the umask took its part
        fchmodat(AT_FDCWD, fromText(fs), 0o755);
        if (parent !== undefined) copyRootAttributes(fromText(this.fs(parent)), fromText(fs));
        mkdirSync(join(temporary, 'work'), { mode: 0o711 });
        this.#place(temporary, content);
      } catch (error) {
        removeTree(temporary);
        throw error;
      }
    });
  }

  /** Takes the directory of a content out of the way; {@link eraseAll} removes it for good. */
  discard(content: string): string | undefined {
    return inStore(`removing ${this.of(content)}`, () => this.#moveAway(content));
  }

  /** Removes the directories of contents that nobody knows any more. */
  remove(contents: string[]): void {
    const paths = contents.map((content) => this.discard(content));
    this.#trees.erase(paths.filter((path) => path !== undefined));
  }

  /** Removes what has been discarded, by whomever. */
  async eraseAll(): Promise<void> {
    const names = inStore(`emptying ${this.#removed}`, () => readdirSync(this.#removed));
    await this.#trees.eraseAll(names.map((name) => join(this.#removed, name)));
  }

  /** Names in `snapshots/`: contents, and what is half made. */
  list(): string[] {
    return inStore(`reading ${this.#snapshots}`, () => readdirSync(this.#snapshots));
  }

  /** Names of contents in `snapshots/`, of foreign ones too, without what is half made. */
  contents(): string[] {
    return this.list().filter((name) => !name.startsWith(temporaryPrefix));
  }

  /** Names in `locks/`. */
  locks(): string[] {
    return inStore(`reading ${this.#locks}`, () => readdirSync(this.#locks));
  }

  exists(content: string): boolean {
    return this.fault(content) === undefined;
  }

  /** What is wrong with a content's directory; undefined if it is there. */
  fault(content: string): string | undefined {
    try {
      if (!statAt(AT_FDCWD, fromText(this.fs(content)), stat)) return 'its directory is gone';
      return stat.isDirectory ? undefined : 'its directory is something else';
    } catch (error) {
      return `its directory cannot be read: ${errorCode(error)}`;
    }
  }

  /** Makes the work directory of an active snapshot that has lost it. */
  restoreWork(content: string): void {
    const work = this.work(content);
    inStore(`making ${work}`, () => {
      if (statAt(AT_FDCWD, fromText(work), stat) && stat.isDirectory) return;
      removeTree(work);
      mkdirSync(work, { mode: 0o711 });
    });
  }

  /** Notes that a content was used now; false if its directory is not there. */
  touch(content: string): boolean {
    try {
      utimensat(AT_FDCWD, fromText(this.of(content)), 0, UTIME_OMIT, 0, UTIME_NOW);
      return this.exists(content);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      // a store that may only be read is used all the same
      if (isErrno(error, 'EROFS', 'EACCES', 'EPERM')) return this.exists(content);
      throw fsError(error, `using ${this.of(content)}`);
    }
  }

  /** When a content was last used, ms since the epoch; 0 if its directory is not there. */
  lastUsed(content: string): number {
    const path = fromText(this.of(content));
    const found = inStore(`reading ${this.of(content)}`, () => statAt(AT_FDCWD, path, stat));
    return found ? stat.mtimeSec * 1000 + stat.mtimeNsec / 1e6 : 0;
  }

  #place(temporary: string, content: string): void {
    try {
      renameSync(temporary, this.of(content));
    } catch (error) {
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error;
      // left by a transaction that a power loss has undone, with the number that is now ours
      this.#moveAway(content);
      renameSync(temporary, this.of(content));
    }
  }

  #moveAway(content: string): string | undefined {
    for (;;) {
      // a name by itself, not one in a new directory: a full disk may have room for no more
      const place = join(this.#removed, `${content}-${Math.random().toString(36).slice(2)}`);
      try {
        renameSync(this.of(content), place);
        return place;
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return undefined;
        if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
      }
    }
  }
}

/** As nanoseconds of a time: now; utimensat(2). */
const UTIME_NOW = 0x3fffffff;
const stat = new StatBuffer();

/**
 * On a full btrfs nothing could be removed from a database that is never overwritten in place, and writing to memory that
 * is mapped to its lock file would kill the process (SIGBUS).
 */
function overwriteInPlace(directory: string): void {
  const path = fromText(directory);
  if (filesystemOf(path).type === 'btrfs') disableCopyOnWrite(path);
}

/** Runs file calls; what they throw is said of `what`. */
function inStore<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fsError(error, what);
  }
}
