import { randomUUID } from 'node:crypto';
import { readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Durability } from 'layerhook/store';
import { exists, lockFile, makeDirectory, tryLockFile, type Unlock } from 'layerhook/system';
import { deleteSubvolume } from './remove.js';
import { createSubvolume, flushFilesystem, setReadOnly, snapshotSubvolume } from './subvolume.js';

const unfinished = '.partial';

/** The right to create one subvolume of the store. */
export interface Making {
  /** the directory to fill after `begin` */
  path: string;
  /** Makes the subvolume read-only and adds it to the store. */
  commit(): void;
  /** Removes the subvolume, unless it was committed, and releases the lock. */
  release(): void;
}

/**
 * Read-only subvolumes, each with the tree of all layers of a chain. A subvolume gets its final name when it is complete
 * and on disk. Until then it has another name, and a lock that ends with its process.
 */
export class SubvolumeStore {
  readonly #root: string;
  readonly #flush: boolean;
  #swept = false;

  /**
   * @param root directory on a btrfs; created with mode 0700 when it is needed
   * @param durability `boot` and `sync`: a subvolume is on disk before it gets its name; `none`: soon after
   */
  constructor(root: string, durability: Durability) {
    this.#root = root;
    this.#flush = durability !== 'none';
  }

  /** Returns the path of the subvolume of this name, which need not exist. */
  path(name: string): string {
    return join(this.#root, name);
  }

  has(name: string): boolean {
    return exists(this.path(name));
  }

  /**
   * Takes the right to create a subvolume; waits while another process has it.
   *
   * @returns null if the subvolume exists now
   * @throws LayerhookError ABORTED, NO_SPACE, SYSTEM
   */
  async make(name: string, signal: AbortSignal): Promise<Making | null> {
    this.#makeLocks();
    const unlock = await lockFile(this.#lockPath(name), signal);
    if (!this.has(name)) return this.#making(name, unlock);
    unlock();
    return null;
  }

  /** Creates the subvolume: empty, or as a snapshot of the subvolume `below`. @throws SystemError */
  begin(making: Making, below: string | null): void {
    this.#sweep();
    this.#remove(making.path);
    if (below === null) createSubvolume(making.path);
    else snapshotSubvolume(this.path(below), making.path);
  }

  /**
   * Writes all cached changes of one subvolume to disk, data included, by creating a snapshot and deleting it again. While
   * another process had 300 MB of dirty data on the filesystem, this took 3 ms. Flushing the whole filesystem, which is
   * done only if a snapshot cannot be created, took 200 ms.
   *
   * @param subvolume path of one on the filesystem of the store
   * @throws SystemError
   */
  flush(subvolume: string): void {
    try {
      this.#makeLocks();
      this.#sweep();
      const name = `flush-${randomUUID()}`;
      const making = this.#making(name, tryLockFile(this.#lockPath(name))!);
      try {
        snapshotSubvolume(subvolume, making.path);
      } finally {
        making.release();
      }
    } catch {
      // the filesystem is full, over quota or read-only, or the store is not writable
      flushFilesystem(subvolume);
    }
  }

  #makeLocks(): void {
    makeDirectory(join(this.#root, 'locks'), 0o700);
  }

  #making(name: string, unlock: Unlock): Making {
    const path = this.path(name) + unfinished;
    return {
      path,
      commit: () => {
        if (this.#flush) flushFilesystem(path);
        setReadOnly(path, true);
        renameSync(path, this.path(name));
      },
      release: () => {
        this.#remove(path);
        unlock();
      },
    };
  }

  /** Removes the unfinished subvolumes and the locks of killed processes. */
  #sweep(): void {
    if (this.#swept) return;
    this.#swept = true;
    const made = readdirSync(this.#root).filter((entry) => entry.endsWith(unfinished));
    const locks = readdirSync(join(this.#root, 'locks'));
    for (const name of new Set([...made.map((entry) => basename(entry, unfinished)), ...locks])) {
      const unlock = tryLockFile(this.#lockPath(name));
      if (unlock === undefined) continue;
      this.#remove(this.path(name) + unfinished);
      unlock();
    }
  }

  #remove(path: string): void {
    if (exists(path)) deleteSubvolume(path);
  }

  #lockPath(name: string): string {
    return join(this.#root, 'locks', name);
  }
}
