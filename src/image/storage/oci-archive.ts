import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { encodeJson } from '../../text/json-lossless.js';
import { isDigest, parseDigest } from '../digest.js';
import { emptyIndex } from '../resume-layout.js';
import type { Digest } from '../types.js';
import { checkVersion, invalidLayout, maxVersionBytes } from '../version.js';
import type { AdoptedBlob, BlobPlace, GarbageResult, LayoutStorage, LayoutWriter } from './storage.js';
import { type Members, readMember, readMembers } from './tar-members.js';

/**
 * A layout in a tar, as `skopeo copy … oci-archive:FILE` and `podman save --format oci-archive` write it. Blobs are read
 * at their offsets in the tar. A writer makes a complete new tar beside the old one and renames it.
 *
 * A reader that has opened the layout keeps the offsets that it has read. If another process replaces the file, a blob
 * that has moved fails its verification.
 */
export class OciArchive implements LayoutStorage {
  readonly path: string;
  readonly #file: string;
  /** True until the tar of a new archive is written. */
  #isNew: boolean;
  #members: Members | undefined;
  /** blobs that this process has written, and that the tar does not have yet */
  readonly #pending = new Map<Digest, AdoptedBlob>();

  private constructor(path: string, file: string, isNew: boolean) {
    this.path = path;
    this.#file = file;
    this.#isNew = isNew;
  }

  /** Opens an existing archive. @throws LayerhookError LAYOUT_NOT_FOUND, LAYOUT_INVALID, LIMIT_EXCEEDED, SYSTEM */
  static open(file: string): OciArchive {
    const path = `oci-archive:${file}`;
    const archive = new OciArchive(path, realFile(file, path), false);
    const version = archive.#document('oci-layout', maxVersionBytes);
    if (version === undefined) throw invalidLayout(archive.path, 'its tar has no file oci-layout');
    checkVersion(archive.path, version);
    return archive;
  }

  /** Prepares a new archive; nothing is written before its first index. @throws LayerhookError LAYOUT_EXISTS, LAYOUT_UNWRITABLE */
  static create(file: string): OciArchive {
    const path = `oci-archive:${file}`;
    const found = statSync(file, { throwIfNoEntry: false });
    if (found !== undefined && !found.isFile() && !found.isDirectory()) {
      const expected = 'name a file; copy can write to oci-archive:/dev/stdout';
      throw new LayerhookError('LAYOUT_UNWRITABLE', { path, reason: 'it is not a regular file', expected });
    }
    if (found !== undefined) throw new LayerhookError('LAYOUT_EXISTS', { path });
    return new OciArchive(path, file, true);
  }

  get absolutePath(): string {
    return `oci-archive:${resolve(this.#file)}`;
  }

  readIndex(maxBytes: number): { bytes: Buffer; what: string } | undefined {
    const what = `index.json of ${this.path}`;
    const bytes = this.#isNew ? encodeJson(emptyIndex) : this.#document('index.json', maxBytes);
    return bytes && { bytes, what };
  }

  blobPlace(digest: string): BlobPlace {
    const { algorithm, hex } = parseDigest(digest);
    const name = `blobs/${algorithm}/${hex}`;
    const range = this.#list().files.get(name);
    // without a member the path leads to nothing, and so the readers of the place say that the blob is missing
    return (
      this.#pending.get(digest as Digest)?.place ??
      (range ? { path: this.#file, range } : { path: `${this.#file}/${name}` })
    );
  }

  hasBlob(digest: string): boolean {
    const { algorithm, hex } = parseDigest(digest);
    return this.#pending.has(digest as Digest) || this.#list().files.has(`blobs/${algorithm}/${hex}`);
  }

  blobs(): { digest: Digest; path: string }[] {
    return [...this.#list().files.keys()].flatMap((name) => {
      const [blobs, algorithm, hex, ...rest] = name.split('/');
      const digest = `${algorithm}:${hex}`;
      if (blobs !== 'blobs' || rest.length > 0 || !isDigest(digest)) return [];
      return [{ digest, path: `${this.#file}/${name}` }];
    });
  }

  async lock<T>(
    mode: 'exclusive' | 'shared',
    action: () => T | Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    // a blob is published together with the index
    if (mode === 'shared' || this.#isNew) return action();
    const { withFileLock } = await import('./file-lock.js');
    return withFileLock(
      this.#file,
      () => {
        this.#members = undefined;
        return action();
      },
      signal,
    );
  }

  async openWriter(signal?: AbortSignal): Promise<LayoutWriter> {
    // only writers load it
    const { ArchiveWriter } = await import('./archive-writer.js');
    return new ArchiveWriter(this.#file, {
      path: this.path,
      signal,
      isNew: () => this.#isNew,
      oldBlobs: () => this.#oldBlobs(),
      pending: this.#pending,
      onPublished: () => {
        this.#isNew = false;
        this.#members = undefined;
        this.#pending.clear();
      },
    });
  }

  async sweep(reachable: () => ReadonlySet<string>): Promise<GarbageResult> {
    const { sweepBeside } = await import('./archive-writer.js');
    sweepBeside(this.#file);
    const keep = reachable();
    const removed = this.blobs().filter(({ digest }) => !keep.has(digest));
    const bytes = removed.reduce((sum, { digest }) => sum + (this.blobPlace(digest).range?.size ?? 0), 0);
    if (removed.length > 0) {
      for (const { path } of removed) this.#list().files.delete(path.slice(this.#file.length + 1));
      const writer = await this.openWriter();
      try {
        const { bytes: index } = this.readIndex(Number.POSITIVE_INFINITY)!;
        await writer.publishIndex(index);
      } finally {
        writer.close();
      }
    }
    return { removed: removed.map(({ digest }) => digest), bytes, spared: [] };
  }

  /** The blobs of the present tar that no pending blob replaces. */
  #oldBlobs(): AdoptedBlob[] {
    return this.blobs().flatMap(({ digest }) => {
      const place = this.blobPlace(digest);
      return place.range ? [{ digest, size: place.range.size, place }] : [];
    });
  }

  #list(): Members {
    this.#members ??= this.#isNew
      ? { files: new Map(), links: new Map(), repeated: new Set() }
      : readMembers(this.#file, this.path);
    return this.#members;
  }

  /** @throws LayerhookError LAYOUT_INVALID also if the tar has several such files, or a link */
  #document(name: string, maxBytes: number): Buffer | undefined {
    const { files, links, repeated } = this.#list();
    if (repeated.has(name)) throw invalidLayout(this.path, `its tar has several files ${name}`);
    if (links.has(name)) throw invalidLayout(this.path, `its file ${name} is a link`);
    const member = files.get(name);
    return member && readMember(this.#file, member, `${name} of ${this.path}`, maxBytes);
  }
}

/** Follows symlinks: a new tar replaces the file, and not the symlink. */
function realFile(file: string, path: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new LayerhookError('LAYOUT_NOT_FOUND', { path }, error);
    throw fsError(error, `opening ${file}`);
  }
}
