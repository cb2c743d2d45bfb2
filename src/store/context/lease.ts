import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fsError } from '../../errors/fs-error.js';
import { flock } from '../../system/lock.js';
import { lockNewFile, tryLockFile, type Unlock } from '../lock.js';
import type { Directories } from './directories.js';

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
/** what the names of leases begin with */
export const leaseName = 'lease-';
/** file that is locked shared to use layers, exclusively to free them */
const useLock = 'use';

/**
 * What one open store may use without that a garbage collection takes it away: what it has touched since it has a lease.
 * A lease is a locked file in `locks/`, made with the first use; it ends with its process.
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

  /** Runs `touch`, which notes the use of what it finds, while nothing is freed. */
  async use<T>(touch: () => T): Promise<T> {
    this.#own ??= lockNewFile(this.#directories.lock(leasePrefix(this.#client)));
    this.#fd ??= openUse(this.#directories);
    while (!flock(this.#fd, 'shared')) await sleep(1);
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

/** Where the leases of one client are. */
interface LeasePlace {
  directories: Directories;
  client: string;
}

/**
 * Runs `free` while nobody finds anything.
 *
 * @param free is given since when (ms since the epoch) used layers must stay, because a lease of this client is as old
 */
export async function whileUnused<T>(context: LeasePlace, free: (since: number) => T): Promise<T> {
  const fd = openUse(context.directories);
  try {
    while (!flock(fd, 'exclusive')) await sleep(1 + Math.random());
    return free(oldestLease(context));
  } finally {
    closeSync(fd);
  }
}

/** Since when the oldest lease of this client lives, Infinity if there is none; those of dead processes are removed. */
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

/** ms since the epoch; Infinity for a lease that has just ended */
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
