import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { LayerhookError, type Limits } from '../errors/index.js';
import { throwIfAborted } from '../system/steps.js';
import type { OnProgress } from '../system/work-progress.js';
import { encodeJson, JsonLimitError, parseJson } from '../text/json-lossless.js';
import { openVerified, readVerified } from './blob.js';
import { type DigestAlgorithm, finishDigest, parseDigest } from './digest.js';
import { checkIndex } from './documents.js';
import { jsonAdvice } from './layout-files.js';
import { splitTransport } from './layout-name.js';
import { indexMediaType } from './media-types.js';
import { Directory } from './storage/directory.js';
import { DockerArchive, unwritable } from './storage/docker-archive.js';
import { OciArchive } from './storage/oci-archive.js';
import type { BlobPlace, GarbageResult, LayoutStorage, LayoutWriter } from './storage/storage.js';
import type { Descriptor, Digest, Index } from './types.js';
import { invalidLayout } from './version.js';

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
 * @param path directory of the layout, or `oci-archive:FILE` or `docker-archive:FILE` for a tar
 * @throws LayerhookError LAYOUT_NOT_FOUND, LAYOUT_INVALID (also for a version other than 1.0.0), SYSTEM
 */
export function openLayout(path: string, options: LayoutOptions = {}): Layout {
  return new Layout(openStorage(path, options), options);
}

function openStorage(path: string, { maxJson }: LayoutOptions): LayoutStorage {
  const { transport, file } = splitTransport(path);
  if (transport === 'directory') return Directory.open(path);
  return transport === 'oci-archive' ? OciArchive.open(file) : DockerArchive.open(file, maxJson);
}

/**
 * Creates an empty layout and its parent directories.
 *
 * @param path must not exist; an empty directory of this user, and what a killed call left, is completed. The tar of
 *   `oci-archive:FILE` appears with the first change of its index.
 * @throws LayerhookError LAYOUT_EXISTS, DIRECTORY_INVALID, NO_SPACE, SYSTEM; LAYOUT_UNWRITABLE for `docker-archive:`
 */
export function createLayout(path: string, options: LayoutOptions = {}): Layout {
  return new Layout(createStorage(path), options);
}

function createStorage(path: string): LayoutStorage {
  const { transport, file } = splitTransport(path);
  if (transport === 'directory') return Directory.create(path);
  if (transport === 'oci-archive') return OciArchive.create(file);
  throw unwritable(path);
}

/**
 * An OCI image layout: `oci-layout`, `index.json` and blobs, in a directory or in a tar; image-spec image-layout.md.
 *
 * Readers need no lock, because writers replace whole files. Writers in several processes exclude each other with a
 * lock. gc spares blobs written through a Layout until {@link close}. Write the blobs first, next the reference to them,
 * and close last.
 */
export class Layout {
  /** changed limits */
  readonly limits: Limits;
  readonly #storage: LayoutStorage;
  readonly #options: LayoutOptions;
  readonly #written = new Set<Digest>();
  #writer: Promise<LayoutWriter> | undefined;

  /** Does not check the layout: use {@link openLayout} or {@link createLayout}. */
  constructor(storage: LayoutStorage, options: LayoutOptions = {}) {
    this.#storage = storage;
    this.#options = options;
    this.limits = options.limits ?? {};
  }

  /** The layout as the user named it; {@link openLayout} accepts it. */
  get path(): string {
    return this.#storage.path;
  }

  /** As {@link path}, independent of the working directory. */
  get absolutePath(): string {
    return this.#storage.absolutePath;
  }

  /** Reads index.json. @throws LayerhookError LAYOUT_INVALID, IMAGE_INVALID, DIGEST_INVALID, LIMIT_EXCEEDED, SYSTEM */
  readIndex(): Index {
    const limit = this.#limit({ maxBytes: maxIndexBytes });
    const read = this.#storage.readIndex(limit);
    if (read === undefined) throw invalidLayout(this.path, 'it has no file index.json');
    return checkIndex(parseDocument(read.bytes, read.what, limit), read.what);
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
      const writer = await this.#openWriter();
      await writer.publishIndex(encodeJson(after));
      return after;
    });
  }

  /** Holds the layout's lock while `action` runs. @throws LayerhookError ABORTED, SYSTEM */
  lock<T>(mode: 'exclusive' | 'shared', action: () => T | Promise<T>): Promise<T> {
    return this.#storage.lock(mode, action, this.#options.signal);
  }

  /** Returns the place where the blob of a digest belongs. @throws LayerhookError DIGEST_INVALID */
  blobPlace(digest: string): BlobPlace {
    return this.#storage.blobPlace(digest);
  }

  /** True if the layout has the blob. @throws LayerhookError DIGEST_INVALID */
  hasBlob(digest: string): boolean {
    return this.#storage.hasBlob(digest);
  }

  /**
   * Reads and verifies a small blob. If the descriptor has embedded `data`, that is used instead of a file.
   *
   * @param options blobs larger than `maxBytes` (default 4 MiB) are refused before reading, unless the layout was opened
   *   with `maxJson`
   * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, LIMIT_EXCEEDED, DIGEST_INVALID, SYSTEM
   */
  readBlob(descriptor: Descriptor, options: { maxBytes?: number } = {}): Buffer {
    return readVerified(this.blobPlace(descriptor.digest), descriptor, this.path, this.#limit(options));
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
    return openVerified(this.blobPlace(descriptor.digest), descriptor, this.path);
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
    const writer = await this.#openWriter();
    const chunks = content instanceof Uint8Array ? [content] : content;
    const temporary = await writer.write(chunks, (chunk) => {
      hash.update(chunk);
      size += chunk.length;
    });
    const digest = finishDigest(hash, algorithm);
    const { hex } = parseDigest(digest);
    await this.lock('shared', () => writer.publishBlob(temporary, algorithm, hex));
    this.#written.add(digest);
    return { digest, size };
  }

  /**
   * Copies a blob from another layout, if possible by sharing its bytes on the disk; verifies it in any case.
   *
   * @throws LayerhookError as writeBlob; BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST
   */
  async copyBlob(source: Layout, descriptor: Descriptor): Promise<void> {
    const { digest, size } = descriptor;
    const { algorithm, hex } = parseDigest(digest);
    const writer = await this.#openWriter();
    const isEmbedded = descriptor.data !== undefined;
    const adopted = isEmbedded ? null : await writer.adopt({ digest, size, place: source.blobPlace(digest) });
    const name = adopted ?? (await writer.write(this.#abortable(source.openBlob(descriptor))));
    await this.lock('shared', () => writer.publishBlob(name, algorithm, hex));
    this.#written.add(digest);
  }

  /** Removes the blobs that nothing leads to; see LayoutStorage.sweep. The caller holds the exclusive lock. */
  sweep(reachable: () => ReadonlySet<string>, onSwept?: OnProgress): Promise<GarbageResult> {
    return this.#storage.sweep(reachable, onSwept);
  }

  /** Lists all blobs of known digest algorithms; other files are left out. @throws LayerhookError SYSTEM */
  blobs(): { digest: Digest; path: string }[] {
    return this.#storage.blobs();
  }

  /** Ends this writer's session: from now on gc keeps its blobs only if index.json leads to them. */
  async close(): Promise<void> {
    const writer = await this.#writer;
    this.#writer = undefined;
    writer?.close();
  }

  /**
   * Undoes {@link createLayout} after a failure: closes, and removes the layout with what was written to it, unless it has an
   * image or another process uses it. Does nothing else to a layout that existed before, and never throws.
   */
  async discard(): Promise<void> {
    await this.close();
    await this.#storage.discard?.(this.#written);
  }

  /** As {@link close}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#abortable(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { signal } = this.#options;
    for await (const chunk of chunks) {
      throwIfAborted(signal);
      yield chunk;
    }
  }

  #limit({ maxBytes = maxDocumentBytes }: { maxBytes?: number }): number {
    return this.#options.maxJson ?? this.limits.json ?? maxBytes;
  }

  #openWriter(): Promise<LayoutWriter> {
    this.#writer ??= this.#storage.openWriter(this.#options.signal).catch((error: unknown) => {
      this.#writer = undefined;
      throw error;
    });
    return this.#writer;
  }
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
