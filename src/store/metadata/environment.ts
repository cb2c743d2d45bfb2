import { closeSync, constants, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { LayerhookError } from '../../errors/index.js';
import { flock } from '../../system/lock.js';
import { whyNoDatabase, whyNoLock } from './check-file.js';
import { reserveToOpen } from './reserve.js';

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
/** Room in the address space for the metadata, in bytes; the file is as large as what is in it. */
const mapSize = 2 ** 30;

export type Lmdb = RootDatabase<string, Buffer>;

/**
 * An LMDB file as this process has it open: once, however many use it. Opened twice in a process, LMDB closes its lock file
 * once too often, which gives up the process's fcntl locks on it (fcntl_locking(2)), and the next process to come makes new
 * mutexes under the feet of those that work.
 *
 * A lock of ours (flock) is held while it is opened, closed and written: LMDB destroys its mutexes when the last process
 * closes it, also if the next one is already waiting to open it.
 */
export class Environment {
  readonly db: Lmdb;
  readonly #key: string;
  readonly #lock: number;
  #users = 1;

  private constructor(path: string, key: string) {
    this.#key = key;
    this.#lock = openSync(`${path}-guard`, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      this.db = this.locked(() => openChecked(path));
    } catch (error) {
      closeSync(this.#lock);
      throw error;
    }
  }

  /** The file at `path`, whose directory is there. @throws what node:fs and LMDB throw */
  static open(path: string): Environment {
    const { dev, ino } = statSync(dirname(path), { bigint: true });
    const key = `${dev} ${ino}`;
    const known = environments.get(key);
    if (known !== undefined) {
      known.#users += 1;
      return known;
    }
    const made = new Environment(path, key);
    environments.set(key, made);
    return made;
  }

  /** Runs `action` while no other process opens, closes or writes the file. */
  locked<T>(action: () => T): T {
    flock(this.#lock, 'exclusive', { wait: true });
    try {
      return action();
    } finally {
      flock(this.#lock, 'unlock');
    }
  }

  /** To be called once by each who has opened it. */
  close(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    environments.delete(this.#key);
    // it is synchronous: nothing is ever written in the background
    this.locked(() => void this.db.close());
    closeSync(this.#lock);
  }
}

const environments = new Map<string, Environment>();

/** @throws LayerhookError STORE_INVALID and NO_SPACE for what would end the process; what node:fs and LMDB throw */
function openChecked(path: string): Lmdb {
  const reason = whyNoLock(`${path}-lock`) ?? whyNoDatabase(path);
  if (reason === undefined) {
    reserveToOpen(path);
    return openLmdb(path);
  }
  throw new LayerhookError('STORE_INVALID', { path: dirname(dirname(path)), reason });
}

function openLmdb(path: string): Lmdb {
  const options = {
    path,
    noSubdir: true,
    permissionsMode: 0o600,
    mapSize,
    maxReaders: 1024,
    encoding: 'string',
    keyEncoding: 'binary',
    overlappingSync: false,
    noMetaSync: true,
  };
  // permissionsMode is missing in lmdb's types
  return open<string, Buffer>(options as Parameters<typeof open>[0]);
}
