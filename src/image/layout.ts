import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { errorCode, fsError } from '../errors/fs-error.js';
import { LayerhookError, type Limits } from '../errors/index.js';
import { makeDirectory } from '../system/make-directory.js';
import { writeFileAtomic } from '../system/write-file.js';
import { encodeJson, JsonLimitError, parseJson } from '../text/json-lossless.js';
import { openVerified, readVerified } from './blob.js';
import { type DigestAlgorithm, finishDigest, isDigest, parseDigest } from './digest.js';
import { checkIndex } from './documents.js';
import { jsonAdvice, listDirectory, readSmallFile } from './layout-files.js';
import { withLock } from './lock.js';
import { indexMediaType } from './media-types.js';
import { emptyIndex, resumeLayout } from './resume-layout.js';
import type { Session } from './session.js';
import type { Descriptor, Digest, Index } from './types.js';

const maxIndexBytes = 32 << 20;
const maxDocumentBytes = 4 << 20;
/** A document may have one value for this many bytes of its size limit. Real documents have one for every 15 to 60. */
const bytesPerValue = 32;

export interface LayoutOptions {
  /** aborts waiting for another writer's lock */
  signal?: AbortSignal | undefined;
  /** limit for each JSON document, bytes; default: 32 MiB for index.json, 8 MiB for configs, 4 MiB for the others */
  maxJson?: number | undefined;
  /** changed limits of docs/security.md: those of layers, images, indexes and JSON documents */
  limits?: Limits | undefined;
}

/**
 * Opens an existing layout.
 *
 * @param path directory of the layout
 * @throws LayerhookError LAYOUT_NOT_FOUND, LAYOUT_INVALID (also for a version other than 1.0.0), SYSTEM
 */
export function openLayout(path: string, options: LayoutOptions = {}): Layout {
  if (!isDirectory(path)) {
    if (!existsSync(path)) throw new LayerhookError('LAYOUT_NOT_FOUND', { path });
    throw invalidLayout(path, 'it is not a directory');
  }
  const version = readSmallFile(join(path, 'oci-layout'), maxDocumentBytes);
  if (version === undefined) throw invalidLayout(path, 'it has no file oci-layout');
  checkVersion(path, version);
  if (!isDirectory(join(path, 'blobs'))) throw invalidLayout(path, 'it has no directory blobs');
  if (!existsSync(join(path, 'index.json'))) throw invalidLayout(path, 'it has no file index.json');
  return new Layout(path, options);
}

/**
 * Creates an empty layout and its parent directories.
 *
 * @param path must not exist; an empty directory of this user, and what a killed call left, is completed
 * @throws LayerhookError LAYOUT_EXISTS, DIRECTORY_INVALID, NO_SPACE, SYSTEM
 */
export function createLayout(path: string): Layout {
  const parent = dirname(path);
  try {
    makeDirectory(parent);
    mkdirSync(path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw fsError(error, `making ${path}`);
    if (!resumeLayout(path)) throw new LayerhookError('LAYOUT_EXISTS', { path }, error);
  }
  try {
    makeDirectory(join(path, 'blobs', 'sha256'));
    writeFileAtomic(join(path, 'index.json'), encodeJson(emptyIndex));
    // last: it marks the layout as whole
    writeFileAtomic(join(path, 'oci-layout'), encodeJson({ imageLayoutVersion: '1.0.0' }));
  } catch (error) {
    rmSync(path, { recursive: true, force: true });
    throw fsError(error, `making ${path}`);
  }
  return new Layout(path);
}

/**
 * An OCI image layout: a directory with `oci-layout`, `index.json` and `blobs/`; image-spec image-layout.md.
 *
 * Readers need no lock, because writers replace whole files. Writers in several processes exclude each other with a
 * lock on the layout's directory. gc spares blobs written through a Layout until {@link close}. Write the blobs
 * first, next the reference to them, and close last.
 */
export class Layout {
  readonly path: string;
  readonly #blobs: string;
  /** changed limits */
  readonly limits: Limits;
  readonly #options: LayoutOptions;
  #session: Promise<Session> | undefined;

  /** Does not look at the directory: use {@link openLayout} or {@link createLayout}, which check or create it. */
  constructor(path: string, options: LayoutOptions = {}) {
    this.path = path;
    this.#blobs = join(path, 'blobs');
    this.#options = options;
    this.limits = options.limits ?? {};
  }

  /** Reads index.json. @throws LayerhookError LAYOUT_INVALID, IMAGE_INVALID, DIGEST_INVALID, LIMIT_EXCEEDED, SYSTEM */
  readIndex(): Index {
    const path = join(this.path, 'index.json');
    const limit = this.#limit({ maxBytes: maxIndexBytes });
    const bytes = readSmallFile(path, limit);
    if (bytes === undefined) throw invalidLayout(this.path, 'it has no file index.json');
    return checkIndex(parseDocument(bytes, path, limit), path);
  }

  /**
   * Changes index.json under the exclusive lock: reads it again, and replaces it in one step.
   *
   * @param change returns the new index, or its argument if nothing must be written
   * @returns the current index
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

  /** Holds the layout's lock while `action` runs; see withLock in lock.ts. @throws LayerhookError ABORTED, SYSTEM */
  lock<T>(mode: 'exclusive' | 'shared', action: () => T | Promise<T>): Promise<T> {
    return withLock(this.path, mode, action, this.#options.signal);
  }

  /** Returns the path at which the blob of a digest belongs. @throws LayerhookError DIGEST_INVALID */
  blobPath(digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    return `${this.#blobs}/${algorithm}/${hex}`;
  }

  /** True if the layout has the blob. @throws LayerhookError DIGEST_INVALID */
  hasBlob(digest: string): boolean {
    return existsSync(this.blobPath(digest));
  }

  /**
   * Reads and verifies a small blob. If the descriptor has embedded `data`, that is used instead of a file.
   *
   * @param options blobs larger than `maxBytes` (default 4 MiB) are refused before reading, unless the layout was opened
   *   with `maxJson`
   * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, LIMIT_EXCEEDED, DIGEST_INVALID, SYSTEM
   */
  readBlob(descriptor: Descriptor, options: { maxBytes?: number } = {}): Buffer {
    return readVerified(this.blobPath(descriptor.digest), descriptor, this.path, this.#limit(options));
  }

  /** Reads a blob as {@link readBlob} does, and parses its JSON. @throws LayerhookError IMAGE_INVALID, and as readBlob */
  readJson(descriptor: Descriptor, options: { maxBytes?: number } = {}): unknown {
    const what = `blob ${descriptor.digest} in ${this.path}`;
    return parseDocument(this.readBlob(descriptor, options), what, this.#limit(options));
  }

  /**
   * Opens a blob as a stream. It fails at its end if digest or size are wrong: trust its bytes only after the end.
   *
   * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, DIGEST_INVALID, SYSTEM; the stream fails with BLOB_DIGEST,
   *   BLOB_SIZE, SYSTEM
   */
  openBlob(descriptor: Descriptor): Readable {
    return openVerified(this.blobPath(descriptor.digest), descriptor, this.path);
  }

  /**
   * Writes a blob to a temporary file, flushes it to disk and renames it to its place. It replaces a blob of the same
   * digest, which repairs a corrupt one.
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

  /** Lists all blobs of known digest algorithms; other files are left out. @throws LayerhookError SYSTEM */
  blobs(): { digest: Digest; path: string }[] {
    return (['sha256', 'sha512'] as const).flatMap((algorithm) => {
      const directory = join(this.path, 'blobs', algorithm);
      return listDirectory(directory)
        .map((name) => ({ digest: `${algorithm}:${name}` as const, path: join(directory, name) }))
        .filter(({ digest }) => isDigest(digest));
    });
  }

  /** Ends this writer's session: from now on gc keeps its blobs only if index.json leads to them. */
  async close(): Promise<void> {
    const session = await this.#session;
    this.#session = undefined;
    session?.close();
  }

  /** As {@link close}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #limit({ maxBytes = maxDocumentBytes }: { maxBytes?: number }): number {
    return this.#options.maxJson ?? this.limits.json ?? maxBytes;
  }

  #openSession(): Promise<Session> {
    // only writers load it
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
    throw invalidLayout(path, 'its oci-layout is not JSON', error);
  }
  if (version !== '1.0.0')
    throw invalidLayout(path, `its imageLayoutVersion is ${JSON.stringify(version)}, not "1.0.0"`);
}

/** Adds the mediaType that the image-spec recommends, as umoci does for every index that it writes. */
function withMediaType(index: Index): Index {
  const { schemaVersion, mediaType = indexMediaType, ...rest } = index;
  return { schemaVersion, mediaType, ...rest };
}

/** @param maxBytes size limit of the document, which limits the number of its values too */
function parseDocument(bytes: Buffer, what: string, maxBytes: number): unknown {
  try {
    return parseJson(bytes, Math.floor(maxBytes / bytesPerValue));
  } catch (error) {
    if (error instanceof JsonLimitError) {
      const limit = error.what === 'nesting' ? error.limit : `${error.limit}, ${jsonAdvice}`;
      throw new LayerhookError('LIMIT_EXCEEDED', { what: `${error.what} of ${what}`, limit }, error);
    }
    throw new LayerhookError(
      'IMAGE_INVALID',
      { what, reason: `it is not JSON: ${(error as Error).message}` },
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
