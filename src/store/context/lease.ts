import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { fsError } from '../../errors/fs-error.js';
import { flock, lockNewFile, tryLockFile, type Unlock, waitForLock } from '../../system/lock.js';
import type { Directories } from './directories.js';

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
/** prefix of the names of leases */
export const leaseName = 'lease-';
/** name of the file that is locked shared while layers are looked up, and exclusively while they are freed */
const useLock = 'use';
/** ms; both uses are short, and a long pause would favour the many that share the lock */
const longestPause = 1;

/**
 * Protects the layers that one open store uses from garbage collection: a layer used since the lease began stays.
 * A lease is a locked file in `locks/`. It is created with the first use and ends with its process.
 */
export class Lease {
  readonly #directories: Directories;
  readonly #client: string;
  #own: Unlock | undefined;
  #fd: number | undefined;

  constructor(directories: Directories, client: string) {
    this.#directories = directories;
    this.#client = client;
  }

  /** Runs `touch`, which records the use of the layers it finds, while no garbage collection frees layers. */
  async use<T>(touch: () => T): Promise<T> {
    this.#own ??= lockNewFile(this.#directories.lock(leasePrefix(this.#client)));
    this.#fd ??= openUse(this.#directories);
    await waitForLock(this.#fd, 'shared', useLock, { longestPause });
    try {
      return touch();
    } finally {
      flock(this.#fd, 'unlock');
    }
  }

  close(): void {
    this.#own?.();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#own = this.#fd = undefined;
  }
}

/** The directories and the client that a set of leases belongs to. */
interface LeasePlace {
  directories: Directories;
  client: string;
}

/**
 * Runs `free` while no process looks up layers.
 *
 * @param free gets the start of the oldest lease of this client, in ms since the epoch: layers used since then must stay
 */
export async function whileUnused<T>(context: LeasePlace, free: (since: number) => T): Promise<T> {
  const fd = openUse(context.directories);
  try {
    await waitForLock(fd, 'exclusive', useLock, { longestPause });
    return free(oldestLease(context));
  } finally {
    closeSync(fd);
  }
}

/** Returns when the oldest lease of this client began, or Infinity without leases. Removes the leases of dead processes. */
function oldestLease({ directories, client }: LeasePlace): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const name of directories.locks().filter((name) => name.startsWith(leasePrefix(client)))) {
    const path = directories.lock(name);
    const dead = tryLockFile(path);
    if (dead === undefined) oldest = Math.min(oldest, birthOf(path));
    else dead();
  }
  return oldest;
}

/** Returns the start of a lease in ms since the epoch; Infinity if it has just ended. */
function birthOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
}

function leasePrefix(client: string): string {
  return `${leaseName}${client}~`;
}

function openUse(directories: Directories): number {
  const path = directories.lock(useLock);
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw fsError(error, `opening ${path}`);
  }
}
