import { createHash } from 'node:crypto';
import { constants, openSync } from 'node:fs';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { close } from '../../system/close.js';
import { flock, tryLockFile, type Unlock } from '../../system/lock.js';
import type { Directories } from '../context/directories.js';
import type { StoredBundle } from './types.js';

const { O_RDWR, O_NOFOLLOW } = constants;
/** prefix of the names of marks in `locks/` */
export const buildingMark = 'building-';

/**
 * Marks the snapshots of bundles that this process builds. A mark is a lock file. The mark of a killed process stays
 * without its lock: the bundle may never have got its name.
 */
export class Building {
  readonly #directories: Directories;
  readonly #marks = new Map<string, Unlock>();

  constructor(directories: Directories) {
    this.#directories = directories;
  }

  /** Marks a snapshot, which need not exist yet. @throws LayerhookError NO_SPACE, SYSTEM */
  begin(key: string): void {
    const mark = tryLockFile(this.#path(key));
    if (mark !== undefined) this.#marks.set(key, mark);
  }

  /** Returns the snapshots that this process has marked. */
  keys(): string[] {
    return [...this.#marks.keys()];
  }

  /** Ends the mark of a snapshot. @param isDone false: the mark stays for a garbage collection */
  end(key: string, isDone: boolean): void {
    this.#marks.get(key)?.({ keepFile: !isDone });
    this.#marks.delete(key);
  }

  /** Removes the mark of a dead process. */
  remove(key: string): void {
    tryLockFile(this.#path(key))?.();
  }

  /** Returns how far the bundle of a snapshot is. @throws LayerhookError SYSTEM */
  progressOf(key: string): StoredBundle['progress'] {
    let fd: number;
    try {
      fd = openSync(this.#path(key), O_RDWR | O_NOFOLLOW);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'finished';
      throw fsError(error, `opening ${this.#path(key)}`);
    }
    try {
      return flock(fd, 'shared') ? 'abandoned' : 'building';
    } finally {
      close(fd);
    }
  }

  #path(key: string): string {
    return this.#directories.lock(markOf(key));
  }
}

/** Returns the name of the mark of a snapshot: a hash, since a key holds a path that may be too long for a file's name. */
export function markOf(key: string): string {
  return buildingMark + createHash('sha256').update(key).digest('hex').slice(0, 32);
}
