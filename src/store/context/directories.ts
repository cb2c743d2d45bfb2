import { lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, fsError, systemWords } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { currentTime, fchmodat, unchangedTime, utimensat } from '../../system/attributes.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { isErrno } from '../../system/errno.js';
import { AT_FDCWD, RENAME_EXCHANGE, renameat2 } from '../../system/files.js';
import { filesystemOf } from '../../system/filesystem.js';
import { makeDirectory } from '../../system/make-directory.js';
import { isMountPoint, unmount } from '../../system/mount.js';
import { disableCopyOnWrite } from '../../system/nocow.js';
import { removeTree } from '../../system/remove.js';
import { StatBuffer, statAt } from '../../system/stat.js';
import { trustedOwners } from '../../system/trusted-directory.js';
import { databaseOf, snapshotsOf } from '../exists.js';
import type { ContentRecord } from '../metadata/record-types.js';
import { copyRootAttributes } from './root-attributes.js';
import { inlineTreeWork, type TreeWork } from './tree-work.js';

/** prefix of a directory that is being created, always inside a write transaction */
const temporaryPrefix = 'new-';

/** The directories of a store: `metadata/`, `snapshots/ID/{fs,work,layer.erofs}`, `removed/`, `locks/`. */
export class Directories {
  readonly root: string;
  readonly database: string;
  readonly #metadata: string;
  readonly #snapshots: string;
  /** the same, as bytes */
  readonly #snapshotsBytes: ByteString;
  readonly #removed: string;
  readonly #locks: string;
  readonly #trees: TreeWork;

  constructor(root: string, trees = inlineTreeWork) {
    this.root = root;
    this.#trees = trees;
    this.#metadata = join(root, 'metadata');
    this.database = databaseOf(root);
    this.#snapshots = snapshotsOf(root);
    this.#snapshotsBytes = fromText(this.#snapshots);
    this.#removed = join(root, 'removed');
    this.#locks = join(root, 'locks');
  }

  /** Creates the missing directories. @throws LayerhookError DIRECTORY_INVALID, NO_SPACE, SYSTEM */
  make(): void {
    makeDirectory(this.root, 0o700);
    this.#requireOwn(this.root);
    for (const path of [this.#snapshots, this.#removed, this.#locks]) makeDirectory(path, 0o700);
    if (makeDirectory(this.#metadata, 0o700))
      inStore(`preparing ${this.#metadata}`, () => overwriteInPlace(this.#metadata));
    for (const path of [this.#snapshots, this.#removed, this.#locks, this.#metadata]) this.#requireOwn(path);
  }

  /**
   * Requires a directory that other users cannot change: they could exchange layers.
   *
   * @throws LayerhookError STORE_INVALID
   */
  #requireOwn(path: string): void {
    const reason = inStore(`reading ${path}`, () => whyExchangeable(path, path === this.root));
    if (reason !== undefined) throw new LayerhookError('STORE_INVALID', { path: this.root, reason });
  }

  /** Returns the directory with a content's own files. */
  fs(content: string): string {
    return `${this.#snapshots}/${content}/fs`;
  }

  work(content: string): string {
    return `${this.#snapshots}/${content}/work`;
  }

  /** Returns the directory that holds everything of a content. */
  of(content: string): string {
    return `${this.#snapshots}/${content}`;
  }

  /** Returns the path of the mtree that verifies a layer. The file exists only if the layer's extractor wrote it. */
  mtree(content: string): string {
    return join(this.#snapshots, content, 'manifest.mtree');
  }

  /** Returns the path of a layer's EROFS image. The file exists only if the layer is stored so. */
  image(content: string): string {
    return join(this.#snapshots, content, 'layer.erofs');
  }

  /**
   * Makes the directory of a content that is an image an empty mount point: removes the files that the image holds now. A power
   * loss or kill may have kept them. Call it inside a write transaction.
   */
  emptyMountPoint(content: string): void {
    const fs = this.fs(content);
    inStore(`emptying ${fs}`, () => {
      if (isMountPoint(fromText(fs)) || readdirSync(fs).length === 0) return;
      const temporary = mkdtempSync(join(this.#snapshots, temporaryPrefix));
      mkdirSync(join(temporary, 'fs'));
      // at any instant there is a directory
      renameat2(AT_FDCWD, fromText(join(temporary, 'fs')), AT_FDCWD, fromText(fs), RENAME_EXCHANGE);
      const place = this.#newPlace(content);
      renameSync(temporary, place);
      this.#trees.erase(place);
    });
  }

  lock(name: string): string {
    return join(this.#locks, name);
  }

  /**
   * Creates the directory of a content atomically. Call it inside a write transaction, so that a concurrent cleanup does
   * not mistake the unfinished directory for a leftover.
   *
   * @param parent content below it; the new root directory gets the attributes of the parent's
   */
  create(content: string, parent: string | undefined): void {
    inStore(`making ${this.of(content)}`, () => {
      const temporary = mkdtempSync(join(this.#snapshots, temporaryPrefix));
      try {
        const fs = join(temporary, 'fs');
        mkdirSync(fs);
        // mkdir applied the umask
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

  /** Moves the directory of a content to `removed/`, where {@link eraseAll} deletes it. */
  discard(content: string): string | undefined {
    return inStore(`removing ${this.of(content)}`, () => this.#moveAway(content));
  }

  /**
   * Removes the directories of contents that have no record any longer.
   *
   * @param onRemoved called during and after the removal of each content with its place in the list and its removed files;
   *   undefined stands for all files
   */
  remove(contents: string[], onRemoved: (at: number, files?: number) => void = () => {}): void {
    const paths = contents.map((content) => this.discard(content));
    for (const [at, path] of paths.entries()) {
      if (path !== undefined) this.#trees.erase(path, (files) => onRemoved(at, files));
      onRemoved(at);
    }
  }

  /** Deletes everything that any process has discarded. */
  async eraseAll(): Promise<void> {
    const names = inStore(`emptying ${this.#removed}`, () => readdirSync(this.#removed));
    await this.#trees.eraseAll(names.map((name) => join(this.#removed, name)));
  }

  /** Returns the names in `snapshots/`: contents and unfinished directories. */
  list(): string[] {
    return inStore(`reading ${this.#snapshots}`, () => readdirSync(this.#snapshots));
  }

  /** Returns the names in `snapshots/` without unfinished directories: contents of all clients. */
  contents(): string[] {
    return this.list().filter((name) => !name.startsWith(temporaryPrefix));
  }

  /** Returns the names in `locks/`. */
  locks(): string[] {
    return inStore(`reading ${this.#locks}`, () => readdirSync(this.#locks));
  }

  exists(content: string): boolean {
    return this.whyMissing(content) === undefined;
  }

  /** Returns why a content's directory, or the image that belongs there, cannot be used; undefined if it exists. */
  whyMissing(content: string, { erofs }: Pick<ContentRecord, 'erofs'> = {}): string | undefined {
    try {
      if (erofs && !statAt(AT_FDCWD, fromText(this.image(content)), stat)) return 'its image is missing';
      // a snapshot on a hundred layers checks a hundred directories
      if (!statAt(AT_FDCWD, `${this.#snapshotsBytes}/${content}/fs`, stat)) return 'its directory is missing';
      return stat.isDirectory ? undefined : 'its directory is another type of file';
    } catch (error) {
      return `its directory cannot be read: ${systemWords(error)}`;
    }
  }

  /** True if a content has nothing but the empty directories that {@link create} makes. A mount of an overlay fills `work`. */
  isUnused(content: string): boolean {
    const directory = this.of(content);
    return inStore(
      `reading ${directory}`,
      () =>
        lstatSync(directory).isDirectory() &&
        readdirSync(directory, { withFileTypes: true }).every(
          (entry) =>
            ['fs', 'work'].includes(entry.name) &&
            entry.isDirectory() &&
            readdirSync(join(directory, entry.name)).length === 0,
        ),
    );
  }

  /** Creates the missing work directory of an active snapshot. */
  restoreWork(content: string): void {
    const work = this.work(content);
    inStore(`making ${work}`, () => {
      if (statAt(AT_FDCWD, fromText(work), stat) && stat.isDirectory) return;
      removeTree(work);
      mkdirSync(work, { mode: 0o711 });
    });
  }

  /** Records that a content is used now. @returns false if its directory is missing */
  touch(content: string): boolean {
    try {
      utimensat(AT_FDCWD, fromText(this.of(content)), unchangedTime, currentTime);
      return this.exists(content);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      // a read-only store can still be used
      if (isErrno(error, 'EROFS', 'EACCES', 'EPERM')) return this.exists(content);
      throw fsError(error, `using ${this.of(content)}`);
    }
  }

  /** Returns when a content was last used, in ms since the epoch; 0 if its directory is missing. */
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
      // A power loss undid the transaction that created this directory, so its number was given out again.
      this.#moveAway(content);
      renameSync(temporary, this.of(content));
    }
  }

  /** Returns a random name instead of a new directory: a full disk may have no room for one. */
  #newPlace(content: string): string {
    return join(this.#removed, `${content}-${Math.random().toString(36).slice(2)}`);
  }

  #moveAway(content: string): string | undefined {
    const fs = fromText(this.fs(content));
    if (isMountPoint(fs)) unmount(fs, { detach: true });
    for (;;) {
      const place = this.#newPlace(content);
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

const stat = new StatBuffer();

/**
 * Disables copy-on-write for the metadata on btrfs. With it, a full btrfs could not even delete from the database, and a
 * write to the memory mapping of its lock file would kill the process (SIGBUS).
 */
function overwriteInPlace(directory: string): void {
  const path = fromText(directory);
  if (filesystemOf(path).type === 'btrfs') disableCopyOnWrite(path);
}

/**
 * Returns why other users can exchange what is in a directory; undefined if they cannot.
 *
 * @param mayBeSticky true: in a sticky directory such as /tmp, others may have entries of their own
 */
function whyExchangeable(path: string, mayBeSticky: boolean): string | undefined {
  const { uid, mode } = statSync(path);
  const other = [lstatSync(path).uid, uid].find((owner) => !trustedOwners().has(owner));
  if (other !== undefined) return `${path} belongs to another user (uid ${other})`;
  const isSticky = mayBeSticky && (mode & 0o1000) !== 0;
  return (mode & 0o022) !== 0 && !isSticky ? `other users may write to ${path}` : undefined;
}

/** Runs file calls and reports their errors as errors of `what`. */
function inStore<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fsError(error, what);
  }
}
