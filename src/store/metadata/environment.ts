import { constants, fdatasyncSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { LayerhookError } from '../../errors/index.js';
import { close } from '../../system/close.js';
import { requireDescriptors } from '../../system/descriptors.js';
import { flock } from '../../system/lock.js';
import { whyInvalidDatabase, whyInvalidLock } from './check-file.js';
import { reserveToOpen } from './reserve.js';

const { O_RDONLY, O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
/** Address space reserved for the metadata, in bytes; the file itself grows with its content. */
const mapSize = 2 ** 30;
/** the file twice, its lock file, and one that a thread may open meanwhile */
const lmdbDescriptors = 4;

export type Lmdb = RootDatabase<string, Buffer>;

/**
 * An LMDB file that is open in this process. A process opens each file only once: if it opened the file twice, the first
 * close of LMDB's lock file would release the process's fcntl locks on it (fcntl_locking(2)), and the next process would
 * replace mutexes that are still in use.
 *
 * An flock is held while the file is opened, closed or written: LMDB destroys its mutexes when the last process closes the
 * file, even if another process is waiting to open it.
 */
export class Environment {
  readonly db: Lmdb;
  readonly #path: string;
  readonly #key: string;
  readonly #lock: number;
  #users = 1;

  private constructor(path: string, key: string) {
    this.#path = path;
    this.#key = key;
    this.#lock = openSync(`${path}-guard`, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      this.db = this.locked(() => openChecked(path));
    } catch (error) {
      close(this.#lock);
      throw error;
    }
  }

  /** Opens the file at `path`, whose directory must exist. @throws errors of node:fs and LMDB */
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

  /** Flushes the file with its last transaction, which LMDB leaves in memory. @throws errors of node:fs */
  flush(): void {
    const fd = openSync(this.#path, O_RDONLY | O_NOFOLLOW);
    try {
      fdatasyncSync(fd);
    } finally {
      close(fd);
    }
  }

  /** Ends one use of the file; call it once for each `open`. */
  close(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    environments.delete(this.#key);
    // synchronous, because LMDB never writes in the background here
    this.locked(() => void this.db.close());
    close(this.#lock);
  }
}

const environments = new Map<string, Environment>();

/** @throws LayerhookError STORE_INVALID or NO_SPACE if opening would kill the process; errors of node:fs and LMDB */
function openChecked(path: string): Lmdb {
  const reason = whyInvalidLock(`${path}-lock`) ?? whyInvalidDatabase(path);
  if (reason === undefined) {
    reserveToOpen(path);
    requireDescriptors(lmdbDescriptors, dirname(path));
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
