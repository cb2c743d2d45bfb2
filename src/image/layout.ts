import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { makeDirectory } from '../system/make-directory.js';
import { encodeJson, parseJson } from '../text/json-lossless.js';
import { openVerified, readVerified } from './blob.js';
import { type DigestAlgorithm, finishDigest, isDigest, parseDigest } from './digest.js';
import { checkIndex } from './documents.js';
import { listDirectory, readSmallFile } from './layout-files.js';
import { withLock } from './lock.js';
import { MEDIA_TYPE_INDEX } from './media-types.js';
import type { Session } from './session.js';
import type { Descriptor, Digest, Index } from './types.js';

const MAX_INDEX_BYTES = 32 << 20;
const MAX_DOCUMENT_BYTES = 4 << 20;

/**
 * Opens an existing layout.
 *
 * @param path directory of the layout
 * @param options `signal` ends waiting for another writer's lock
 * @throws LayerhookError LAYOUT_NOT_FOUND, LAYOUT_INVALID (also for a version other than 1.0.0), SYSTEM
 */
export function openLayout(path: string, options: { signal?: AbortSignal } = {}): Layout {
  if (!isDirectory(path)) {
    if (!existsSync(path)) throw new LayerhookError('LAYOUT_NOT_FOUND', { path });
    throw invalidLayout(path, 'it is no directory');
  }
  const version = readSmallFile(join(path, 'oci-layout'), MAX_DOCUMENT_BYTES);
  if (version === undefined) throw invalidLayout(path, 'it has no file oci-layout');
  checkVersion(path, version);
  if (!isDirectory(join(path, 'blobs'))) throw invalidLayout(path, 'it has no directory blobs');
  if (!existsSync(join(path, 'index.json'))) throw invalidLayout(path, 'it has no file index.json');
  return new Layout(path, options.signal);
}

/**
 * Makes an empty layout, and its parent directories.
 *
 * @param path must not exist
 * @throws LayerhookError LAYOUT_EXISTS, DIRECTORY_INVALID, NO_SPACE, SYSTEM
 */
export function createLayout(path: string): Layout {
  const parent = dirname(path);
  try {
    makeDirectory(parent);
    mkdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw new LayerhookError('LAYOUT_EXISTS', { path }, error);
    throw fsError(error, `making ${path}`);
  }
  try {
    makeDirectory(join(path, 'blobs', 'sha256'));
    writeFileSync(
      join(path, 'index.json'),
      encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPE_INDEX, manifests: [] }),
    );
    writeFileSync(join(path, 'oci-layout'), encodeJson({ imageLayoutVersion: '1.0.0' }));
  } catch (error) {
    rmSync(path, { recursive: true, force: true });
    throw fsError(error, `making ${path}`);
  }
  return new Layout(path);
}

/**
 * An OCI image layout: a directory with `oci-layout`, `index.json` and `blobs/`; image-spec image-layout.md.
 *
 * Reading needs no lock: files are replaced whole. Writers of several processes exclude each other with a lock on
 * the layout's directory. Blobs written through one Layout are safe from gc until {@link close}: write the blobs,
 * then the reference to them, then close.
 */
export class Layout {
  readonly path: string;
  readonly #blobs: string;
  readonly #signal: AbortSignal | undefined;
  #session: Promise<Session> | undefined;

  /** Use {@link openLayout} or {@link createLayout}, which check or make what is there. */
  constructor(path: string, signal?: AbortSignal) {
    this.path = path;
    this.#blobs = join(path, 'blobs');
    this.#signal = signal;
  }

  /** The top index. @throws LayerhookError LAYOUT_INVALID, IMAGE_INVALID, DIGEST_INVALID, LIMIT_EXCEEDED, SYSTEM */
  readIndex(): Index {
    const path = join(this.path, 'index.json');
    const bytes = readSmallFile(path, MAX_INDEX_BYTES);
    if (bytes === undefined) throw invalidLayout(this.path, 'it has no file index.json');
    return checkIndex(parseDocument(bytes, path), path);
  }

  /**
   * Changes index.json, alone: index.json is read again under the lock, and replaced in one step.
   *
   * @param change gives the new index, or the one it got if nothing is to be written
   * @returns the index as it is now
   * @throws LayerhookError as readIndex, NO_SPACE, ABORTED; LAYOUT_INVALID if `blobs`, or a directory in it, is a
   *   symlink; and what `change` throws
   */
  async updateIndex(change: (index: Index) => Index): Promise<Index> {
    return this.lock('exclusive', async () => {
      const before = this.readIndex();
      const changed = change(before);
      if (changed === before) return before;
      const after = withMediaType(changed);
      const session = await this.#openSession();
      await session.publishIndex(await session.write([encodeJson(after)]));
      return after;
    });
  }

  /** Keeps other writers away while `action` runs; see withLock in lock.ts. @throws LayerhookError ABORTED, SYSTEM */
  lock<T>(mode: 'exclusive' | 'shared', action: () => T | Promise<T>): Promise<T> {
    return withLock(this.path, mode, action, this.#signal);
  }

  /** Where the blob of a digest is, or would be. @throws LayerhookError DIGEST_INVALID */
  blobPath(digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    return `${this.#blobs}/${algorithm}/${hex}`;
  }

  /** Whether the layout has the blob. @throws LayerhookError DIGEST_INVALID */
  hasBlob(digest: string): boolean {
    return existsSync(this.blobPath(digest));
  }

  /**
   * A small blob, whole and verified; embedded `data` is used instead of a file.
   *
   * @param options `maxBytes` refuses larger blobs unread, by default 4 MiB
   * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, LIMIT_EXCEEDED, DIGEST_INVALID, SYSTEM
   */
  readBlob(descriptor: Descriptor, options: { maxBytes?: number } = {}): Buffer {
    const limit = options.maxBytes ?? MAX_DOCUMENT_BYTES;
    return readVerified(this.blobPath(descriptor.digest), descriptor, this.path, limit);
  }

  /** A small blob as JSON, else as {@link readBlob}. @throws LayerhookError IMAGE_INVALID, and as readBlob */
  readJson(descriptor: Descriptor, options: { maxBytes?: number } = {}): unknown {
    return parseDocument(this.readBlob(descriptor, options), `blob ${descriptor.digest} in ${this.path}`);
  }

  /**
   * A blob as a stream. It fails at its end if digest or size were wrong: use what it gave only after it ended.
   *
   * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, DIGEST_INVALID, SYSTEM; the stream fails with BLOB_DIGEST,
   *   BLOB_SIZE, SYSTEM
   */
  openBlob(descriptor: Descriptor): Readable {
    return openVerified(this.blobPath(descriptor.digest), descriptor, this.path);
  }

  /**
   * Writes a blob: to a temporary file first, flushed to disk, then renamed. One that is there already is replaced
   * by its equal, which heals a corrupt one.
   *
   * @param content the bytes; if a stream fails, nothing is left behind
   * @throws LayerhookError LAYOUT_INVALID if `blobs`, or a directory in it, is a symlink; NO_SPACE, ABORTED, SYSTEM; and
   *   what the stream throws
   */
  async writeBlob(
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: { algorithm?: DigestAlgorithm } = {},
  ): Promise<{ digest: Digest; size: number }> {
    const algorithm = options.algorithm ?? 'sha256';
    const hash = createHash(algorithm);
    let size = 0;
    const session = await this.#openSession();
    const chunks = content instanceof Uint8Array ? [content] : content;
    const temporary = await session.write(chunks, (chunk) => {
      hash.update(chunk);
      size += chunk.length;
    });
    const digest = finishDigest(hash, algorithm);
    const { hex } = parseDigest(digest);
    await this.lock('shared', () => session.publishBlob(temporary, algorithm, hex));
    return { digest, size };
  }

  /** Every blob there is, of the algorithms we know; other files are left out. @throws LayerhookError SYSTEM */
  blobs(): { digest: Digest; path: string }[] {
    return (['sha256', 'sha512'] as const).flatMap((algorithm) => {
      const directory = join(this.path, 'blobs', algorithm);
      return listDirectory(directory)
        .map((name) => ({ digest: `${algorithm}:${name}` as const, path: join(directory, name) }))
        .filter(({ digest }) => isDigest(digest));
    });
  }

  /** Ends this writer: from now on gc keeps its blobs only if index.json leads to them. */
  async close(): Promise<void> {
    const session = await this.#session;
    this.#session = undefined;
    session?.close();
  }

  /** As {@link close}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #openSession(): Promise<Session> {
    // loaded by writers only
    this.#session ??= import('./session.js')
      .then(({ Session }) => Session.open(this.path))
      .catch((error: unknown) => {
        this.#session = undefined;
        throw error;
      });
    return this.#session;
  }
}

function checkVersion(path: string, bytes: Buffer): void {
  let version: unknown;
  try {
    version = (parseJson(bytes) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  } catch (error) {
    throw invalidLayout(path, 'its oci-layout is no JSON', error);
  }
  if (version !== '1.0.0')
    throw invalidLayout(path, `its imageLayoutVersion is ${JSON.stringify(version)}, not "1.0.0"`);
}

/** umoci gives every index it writes a mediaType, which the image-spec recommends. */
function withMediaType(index: Index): Index {
  const { schemaVersion, mediaType = MEDIA_TYPE_INDEX, ...rest } = index;
  return { schemaVersion, mediaType, ...rest };
}

function parseDocument(bytes: Buffer, what: string): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    throw new LayerhookError(
      'IMAGE_INVALID',
      { what, reason: `it is no JSON: ${(error as Error).message}` },
      error,
    );
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return false;
    throw fsError(error, `reading ${path}`);
  }
}

function invalidLayout(path: string, reason: string, cause?: unknown): LayerhookError {
  return new LayerhookError('LAYOUT_INVALID', { path, reason }, cause);
}
