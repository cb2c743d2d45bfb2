import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ArchiveRequest } from 'layerhook';
import { identityAt } from 'layerhook/system';
import { StateDirectory } from './state-directory.js';
import { inParent, type TrustedPath } from './trusted-path.js';

/** One archive of a container, and its result. */
export interface ArchiveRecord {
  status: 'wanted' | 'done' | 'failed';
  request: Omit<ArchiveRequest, 'replace' | 'identity'>;
  success: string;
  /** identities of the lowerdirs, because an engine may unmount them */
  lowerdirIds: string[];
  tries: number;
  /** when the status was last changed, RFC 3339 */
  at: string;
  error?: string;
  bytes?: number;
  entries?: number;
}

/** The archives that a container's annotations requested when it stopped. */
export interface ContainerRecord {
  version: 1;
  container: string;
  /** when its config.json was written, in nanoseconds */
  started: string;
  /** by key */
  archives: Record<string, ArchiveRecord>;
}

/** Time for which finished records are kept. */
const keptMs = 7 * 24 * 60 * 60 * 1000;

/** Results of archives: one file per start of a container, and one per archive that is a directory. */
export class Records {
  readonly #containers: StateDirectory;
  readonly #directories: StateDirectory;

  /** @throws LayerhookError DIRECTORY_INVALID, SystemError, if records cannot be written */
  constructor(root: string) {
    this.#containers = new StateDirectory(join(root, 'containers'));
    this.#directories = new StateDirectory(join(root, 'directories'));
  }

  /** Returns the names of all records. */
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

  /** Runs `action` with the lock of the record. `signal` ends a wait for it. */
  locked<T>(name: string, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    return this.#containers.locked(`${name}.lock`, signal, action);
  }

  /**
   * Returns true if the directory at a path is an archive that this hook made: it was recorded, or a hook claimed it and was
   * killed. A claim becomes a record.
   */
  owns(place: TrustedPath): boolean {
    const { path } = place;
    const now = identityAtPath(place);
    if (now === null) return false;
    const known = parse(this.#directories.read(recordFile(path))) as Partial<Ownership> | null;
    if (known?.path === path && known.identity === now) return true;
    if (!this.#claims(path).some((file) => this.#directories.read(file) === now)) return false;
    this.#record({ path, identity: now });
    return true;
  }

  /** Returns the file in which the archive at `path` is claimed: its identity is written there before the rename. */
  claimOf(key: string, path: string): string {
    return join(this.#directories.path, claimFile(key, path));
  }

  /** Returns true if the archive of this key was claimed and has its final name. */
  isMade(key: string, place: TrustedPath): boolean {
    const claimed = this.#directories.read(claimFile(key, place.path));
    return claimed !== null && claimed === identityAtPath(place);
  }

  /** Records the claimed directory as the archive at a path; without a claim, the directory at that path. */
  own(key: string, place: TrustedPath): void {
    const { path } = place;
    const identity = this.#directories.read(claimFile(key, path)) ?? identityAtPath(place);
    if (identity !== null) this.#record({ path, identity });
  }

  /** Removes the claim of a recorded archive. Claims of other containers to the same path stay. */
  release(key: string, path: string): void {
    this.#directories.remove(claimFile(key, path));
  }

  /** Removes all claims to a path, after the archive there was recorded. */
  releaseAll(path: string): void {
    for (const file of this.#claims(path)) this.#directories.remove(file);
  }

  /** Removes old records whose archives are all done. */
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

function identityAtPath(place: TrustedPath): string | null {
  try {
    return inParent(place, identityAt);
  } catch {
    // archiving reports the error of the path
    return null;
  }
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
