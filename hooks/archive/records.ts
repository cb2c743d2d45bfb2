import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveRequest } from 'layerhook';
import { identityAt } from 'layerhook/system';
import { StateDirectory } from './state-directory.js';
import { inParent, type TrustedPath } from './trusted-path.js';

/** One archive of a container, and what has become of it. */
export interface ArchiveRecord {
  status: 'wanted' | 'done' | 'failed';
  request: Omit<ArchiveRequest, 'replace' | 'identity'>;
  success: string;
  /** which directories the lowerdirs were: an engine unmounts what is in them */
  lowerdirIds: string[];
  tries: number;
  /** when the status was last changed, RFC 3339 */
  at: string;
  error?: string;
  bytes?: number;
  entries?: number;
}

/** What was asked of a container when it stopped. */
export interface ContainerRecord {
  version: 1;
  container: string;
  /** when its config.json was written, in nanoseconds */
  started: string;
  /** by key */
  archives: Record<string, ArchiveRecord>;
}

/** Finished records are kept for so long. */
const keptMs = 7 * 24 * 60 * 60 * 1000;

/** Results of archives: a file a container and start, and one a directory that an archive is. */
export class Records {
  readonly #containers: StateDirectory;
  readonly #directories: StateDirectory;

  /** @throws LayerhookError DIRECTORY_INVALID, SystemError, where nothing can be written */
  constructor(root: string) {
    this.#containers = new StateDirectory(join(root, 'containers'));
    this.#directories = new StateDirectory(join(root, 'directories'));
  }

  /** Names of all records. */
  names(): string[] {
    return this.#containers
      .names()
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
  }

  nameOf({ id, started }: { id: string; started: string }): string {
    return `${encodeURIComponent(id).slice(0, 100)}-${hash(`${id}\0${started}`)}`;
  }

  /** Reads one record, or null if it is missing or cannot be read. */
  read(name: string): ContainerRecord | null {
    return parse(this.#containers.read(`${name}.json`)) as ContainerRecord | null;
  }

  write(name: string, record: ContainerRecord): void {
    this.#containers.write(`${name}.json`, encode(record));
  }

  /** Runs `action` while no other process works on the record. */
  locked<T>(name: string, action: () => Promise<T>): Promise<T> {
    return this.#containers.locked(`${name}.lock`, action);
  }

  /**
   * Whether the directory at a path is an archive of ours, and no other one since: it was recorded, or the claim of a
   * hook that was killed names it, which becomes its record.
   */
  owns(place: TrustedPath): boolean {
    const { path } = place;
    const now = identityAtPath(place);
    if (now === null) return false;
    const known = parse(this.#directories.read(recordFile(path))) as Partial<Ownership> | null;
    if (known?.path === path && isSame(known.identity, now)) return true;
    if (!this.#claims(path).some((file) => this.#directories.read(file) === now)) return false;
    this.#record({ path, identity: now });
    return true;
  }

  /** Where the driver notes the identity of what becomes the archive at `path`. */
  claimOf(key: string, path: string): string {
    return join(this.#directories.path, claimFile(key, path));
  }

  /** Whether the archive of this key was claimed, and has its name. */
  isMade(key: string, place: TrustedPath): boolean {
    const claimed = this.#directories.read(claimFile(key, place.path));
    return claimed !== null && claimed === identityAtPath(place);
  }

  /** Records the directory that was claimed as the archive at a path; what is there, if a hook claimed none. */
  own(key: string, place: TrustedPath): void {
    const { path } = place;
    const identity = this.#directories.read(claimFile(key, path)) ?? identityAtPath(place);
    if (identity !== null) this.#record({ path, identity });
  }

  /** Removes the claim of an archive that is recorded; the path may have been claimed by another container since. */
  release(key: string, path: string): void {
    this.#directories.remove(claimFile(key, path));
  }

  /** Removes all claims to a path when the archive there is recorded. */
  settle(path: string): void {
    for (const file of this.#claims(path)) this.#directories.remove(file);
  }

  /** Removes old records of which everything is done. */
  prune(now = Date.now()): void {
    for (const name of this.names()) {
      const written = this.#containers.modified(`${name}.json`) ?? now;
      if (now - written < keptMs) continue;
      const archives = Object.values(this.read(name)?.archives ?? {});
      if (archives.some(({ status }) => status !== 'done')) continue;
      for (const file of [`${name}.json`, `${name}.lock`]) this.#containers.remove(file);
    }
  }

  #claims(path: string): string[] {
    const prefix = `${hash(path)}-`;
    return this.#directories.names().filter((name) => name.startsWith(prefix));
  }

  #record(ownership: Ownership): void {
    this.#directories.write(recordFile(ownership.path), encode(ownership));
  }
}

interface Ownership {
  path: string;
  /** fileIdentity of layerhook/system */
  identity: string;
}

function recordFile(path: string): string {
  return `${hash(path)}.json`;
}

function claimFile(key: string, path: string): string {
  return `${hash(path)}-${hash(key)}.claim`;
}

/** Earlier versions recorded device and inode only. */
function isSame(known: string | undefined, now: string): boolean {
  return known === now || (known?.split(':').length === 2 && now.startsWith(`${known}:`));
}

function identityAtPath(place: TrustedPath): string | null {
  try {
    return inParent(place, identityAt);
  } catch {
    // archiving says what is wrong with the path
    return null;
  }
}

/** Tells a file from all others that there are now; null if there is none. */
export function identityOf(path: string): string | null {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev}:${stat.ino}`;
}

export function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function encode(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function parse(text: string | null): object | null {
  try {
    return text === null ? null : (JSON.parse(text) as object);
  } catch {
    return null;
  }
}
