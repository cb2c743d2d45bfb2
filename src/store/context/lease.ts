import { appendFileSync, constants, openSync, readFileSync } from 'node:fs';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { close } from '../../system/close.js';
import { flock, type LockedFile, lockNewFile, tryLockFile, waitForLock } from '../../system/lock.js';
import type { Directories } from './directories.js';

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
/** prefix of the names of leases */
export const leaseName = 'lease-';
/** name of the file that is locked shared while layers are looked up, and exclusively while they are freed */
const useLock = 'use';
/** Ends a name in a lease: no name has a NUL. */
const separator = '\0';
/** ms; both uses are short, and a long pause would favour the many that share the lock */
const longestPause = 1;

/**
 * Protects the layers that one open store uses from garbage collection: they stay until the store is closed. A lease is a locked
 * file in `locks/` with the names of these layers, so that it does not depend on the clock. It is created with the first use
 * and ends with its process.
 */
export class Lease {
  readonly #directories: Directories;
  readonly #client: string;
  readonly #names = new Set<string>();
  #own: LockedFile | undefined;
  #fd: number | undefined;

  constructor(directories: Directories, client: string) {
    this.#directories = directories;
    this.#client = client;
  }

  /**
   * Runs `touch`, which looks up a layer, while no garbage collection frees layers. From then on the layer stays.
   *
   * @param name of the layer; it need not exist yet
   */
  async use<T>(name: string, touch: () => T): Promise<T> {
    this.#own ??= lockNewFile(this.#directories.lock(leasePrefix(this.#client)));
    this.#fd ??= openUse(this.#directories);
    await waitForLock(this.#fd, 'shared', useLock, { longestPause });
    try {
      this.#note(name, this.#own.path);
      return touch();
    } finally {
      flock(this.#fd, 'unlock');
    }
  }

  #note(name: string, path: string): void {
    if (this.#names.has(name)) return;
    try {
      // the separator before it ends what a full disk has cut off
      appendFileSync(path, separator + name + separator);
    } catch (error) {
      throw fsError(error, `writing ${path}`);
    }
    this.#names.add(name);
  }

  close(): void {
    this.#own?.unlock();
    if (this.#fd !== undefined) close(this.#fd);
    this.#own = this.#fd = undefined;
    this.#names.clear();
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
 * @param free gets the names of the layers that processes of this client use, which must stay
 */
export async function whileUnused<T>(
  context: LeasePlace,
  free: (used: ReadonlySet<string>) => T,
): Promise<T> {
  const fd = openUse(context.directories);
  try {
    await waitForLock(fd, 'exclusive', useLock, { longestPause });
    return free(usedLayers(context));
  } finally {
    close(fd);
  }
}

/** Returns the layers in the leases of running processes. Removes the leases of dead ones. */
function usedLayers({ directories, client }: LeasePlace): Set<string> {
  const used = new Set<string>();
  for (const file of directories.locks().filter((name) => name.startsWith(leasePrefix(client)))) {
    const path = directories.lock(file);
    const dead = tryLockFile(path);
    if (dead === undefined) for (const name of namesIn(path)) used.add(name);
    else dead();
  }
  return used;
}

/** Returns the names in a lease; nothing if it has just ended. */
function namesIn(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split(separator);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw fsError(error, `reading ${path}`);
  }
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
