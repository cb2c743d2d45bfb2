import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { exists } from '../../system/exists.js';
import type { OnProgress } from '../../system/work-progress.js';
import { isDigest, parseDigest } from '../digest.js';
import { listDirectory, readSmallFile } from '../layout-files.js';
import { withLock } from '../lock.js';
import type { Digest } from '../types.js';
import { checkVersion, invalidLayout, maxVersionBytes } from '../version.js';
import { NewDirectory } from './new-directory.js';
import type { BlobPlace, GarbageResult, LayoutStorage, LayoutWriter } from './storage.js';

/**
 * A layout that is a directory with `oci-layout`, `index.json` and `blobs/`; image-spec image-layout.md. Readers need no
 * lock, because writers replace whole files. The lock is on the directory, and needs no extra file.
 */
export class Directory implements LayoutStorage {
  readonly path: string;
  readonly #blobs: string;
  /** if this process has created the layout */
  readonly #created: NewDirectory | undefined;

  private constructor(path: string, created?: NewDirectory) {
    this.path = path;
    this.#created = created;
    this.#blobs = join(path, 'blobs');
  }

  /** Opens an existing layout. @throws LayerhookError LAYOUT_NOT_FOUND, LAYOUT_INVALID, SYSTEM */
  static open(path: string): Directory {
    if (!isDirectory(path)) {
      if (!exists(path)) throw new LayerhookError('LAYOUT_NOT_FOUND', { path });
      throw invalidLayout(path, 'it is not a directory');
    }
    const version = readSmallFile(join(path, 'oci-layout'), maxVersionBytes);
    if (version === undefined) throw invalidLayout(path, 'it has no file oci-layout');
    checkVersion(path, version);
    if (!isDirectory(join(path, 'blobs'))) throw invalidLayout(path, 'it has no directory blobs');
    if (!exists(join(path, 'index.json'))) throw invalidLayout(path, 'it has no file index.json');
    return new Directory(path);
  }

  /** Creates an empty layout and its parent directories. @throws LayerhookError as createLayout in layout.ts */
  static create(path: string): Directory {
    return new Directory(path, NewDirectory.create(path));
  }

  get absolutePath(): string {
    return resolve(this.path);
  }

  readIndex(maxBytes: number): { bytes: Buffer; what: string } | undefined {
    const what = join(this.path, 'index.json');
    const bytes = readSmallFile(what, maxBytes);
    return bytes && { bytes, what };
  }

  blobPlace(digest: string): BlobPlace {
    const { algorithm, hex } = parseDigest(digest);
    return { path: `${this.#blobs}/${algorithm}/${hex}` };
  }

  hasBlob(digest: string): boolean {
    return exists(this.blobPlace(digest).path);
  }

  blobs(): { digest: Digest; path: string }[] {
    return (['sha256', 'sha512'] as const).flatMap((algorithm) => {
      const directory = join(this.#blobs, algorithm);
      return listDirectory(directory)
        .map((name) => ({ digest: `${algorithm}:${name}` as const, path: join(directory, name) }))
        .filter(({ digest }) => isDigest(digest));
    });
  }

  lock<T>(
    mode: 'exclusive' | 'shared',
    action: () => T | Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return withLock(this.path, mode, action, signal);
  }

  async openWriter(): Promise<LayoutWriter> {
    // only writers load it
    const { Session } = await import('../session.js');
    return Session.open(this.path);
  }

  async sweep(reachable: () => ReadonlySet<string>, onSwept?: OnProgress): Promise<GarbageResult> {
    const { sweep } = await import('../sweep.js');
    return sweep(this.path, reachable, onSwept);
  }

  async discard(blobs: ReadonlySet<Digest>): Promise<void> {
    const created = this.#created;
    if (created === undefined) return;
    const signal = AbortSignal.timeout(longestWaitMs);
    await withLock(this.path, 'exclusive', () => created.discard(blobs), signal).catch(() => {});
  }
}

/** How long a failed command waits for another process, which then uses the layout. */
const longestWaitMs = 1000;

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return false;
    throw fsError(error, `reading ${path}`);
  }
}
