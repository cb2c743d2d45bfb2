import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ArchiveRequest } from 'layerhook';
import { flock, makeDirectory } from 'layerhook/system';

/** One archive of a container, and what has become of it. */
export interface ArchiveRecord {
  status: 'wanted' | 'done' | 'failed';
  request: Omit<ArchiveRequest, 'replace'>;
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
  readonly #containers: string;
  readonly #directories: string;

  /** @throws as node:fs, where nothing can be written */
  constructor(root: string) {
    this.#containers = join(root, 'containers');
    this.#directories = join(root, 'directories');
    for (const path of [this.#containers, this.#directories]) makeDirectory(path, 0o700);
  }

  /** Names of all records. */
  names(): string[] {
    return readdirSync(this.#containers)
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length));
  }

  nameOf({ id, started }: { id: string; started: string }): string {
    return `${encodeURIComponent(id).slice(0, 100)}-${hash(`${id}\0${started}`)}`;
  }

  /** Reads one record, or null if it is missing or cannot be read. */
  read(name: string): ContainerRecord | null {
    return readJson(join(this.#containers, `${name}.json`)) as ContainerRecord | null;
  }

  write(name: string, record: ContainerRecord): void {
    writeWhole(join(this.#containers, `${name}.json`), record);
  }

  /** Runs `action` while no other process works on the record. */
  async locked<T>(name: string, action: () => Promise<T>): Promise<T> {
    const fd = openSync(join(this.#containers, `${name}.lock`), 'w', 0o600);
    try {
      flock(fd, 'exclusive', { wait: true });
      return await action();
    } finally {
      closeSync(fd);
    }
  }

  /** Whether the directory at `path` is an archive that was recorded, and no other one since. */
  owns(path: string): boolean {
    const known = readJson(this.#fileOf(path)) as { path?: string; identity?: string } | null;
    return known?.path === path && known.identity === identityOf(path);
  }

  /** Records that the directory at `path` is an archive. */
  own(path: string): void {
    const identity = identityOf(path);
    if (identity !== null) writeWhole(this.#fileOf(path), { path, identity });
  }

  /** Removes old records of which everything is done. */
  prune(now = Date.now()): void {
    for (const name of this.names()) {
      const file = join(this.#containers, `${name}.json`);
      const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? now;
      if (now - written < keptMs) continue;
      const archives = Object.values(this.read(name)?.archives ?? {});
      if (archives.some(({ status }) => status !== 'done')) continue;
      rmSync(file, { force: true });
      rmSync(join(this.#containers, `${name}.lock`), { force: true });
    }
  }

  #fileOf(path: string): string {
    return join(this.#directories, `${hash(path)}.json`);
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

function readJson(file: string): object | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as object;
  } catch {
    return null;
  }
}

function writeWhole(file: string, value: object): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(fd, `${JSON.stringify(value, null, 2)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
}
