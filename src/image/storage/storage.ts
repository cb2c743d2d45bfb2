import type { ByteString } from '../../system/bytes.js';
import type { OnProgress } from '../../system/work-progress.js';
import type { DigestAlgorithm } from '../digest.js';
import type { Digest } from '../types.js';

/*
 * The place of an image layout's files. Layout (layout.ts) reads and verifies documents and blobs; a LayoutStorage says
 * where their bytes are, and replaces index.json as one step. Each kind of storage has its own file: directory.ts,
 * oci-archive.ts and docker-archive.ts.
 */

/** Where the bytes of a blob are. The file may be missing, and its content is unverified. */
export interface BlobPlace {
  /** the file; in errors also the name of a blob that has no file */
  path: string;
  /** bytes of the file that are the blob; missing: the whole file */
  range?: { offset: number; size: number } | undefined;
  /** the blob itself: it has no file */
  data?: Uint8Array | undefined;
}

/** The result of a garbage collection. */
export interface GarbageResult {
  removed: Digest[];
  /** bytes of the removed blobs */
  bytes: number;
  /** unreachable blobs that were kept because a living writer may have written them */
  spared: Digest[];
}

/** The files of one layout. All functions throw LayerhookError LAYOUT_INVALID and SYSTEM. */
export interface LayoutStorage {
  /** the layout as the user named it; openLayout accepts it */
  readonly path: string;
  /** the same, independent of the working directory */
  readonly absolutePath: string;
  /**
   * Reads index.json.
   *
   * @param maxBytes larger files are refused before reading
   * @returns the bytes and a name for errors; undefined if the file is missing
   * @throws LayerhookError LIMIT_EXCEEDED
   */
  readIndex(maxBytes: number): { bytes: Buffer; what: string } | undefined;
  /** Returns the place where a blob belongs, also if the blob is missing. @throws LayerhookError DIGEST_INVALID */
  blobPlace(digest: string): BlobPlace;
  /** True if the layout has the blob. @throws LayerhookError DIGEST_INVALID */
  hasBlob(digest: string): boolean;
  /** Lists the blobs of known digest algorithms. */
  blobs(): { digest: Digest; path: string }[];
  /**
   * Runs `action` while this process holds the lock: `exclusive` for changing index.json or removing blobs, `shared` for
   * publishing a blob.
   *
   * @param signal aborts the waiting
   * @throws LayerhookError ABORTED, and what `action` throws
   */
  lock<T>(
    mode: 'exclusive' | 'shared',
    action: () => T | Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T>;
  /**
   * Begins to write. The caller must close the writer.
   *
   * @param signal aborts long writes
   * @throws LayerhookError LAYOUT_UNWRITABLE, NO_SPACE
   */
  openWriter(signal: AbortSignal | undefined): Promise<LayoutWriter>;
  /**
   * Removes the blobs that nothing leads to, and leftovers of killed writers. The caller holds the exclusive lock.
   *
   * @param reachable called first; returns the digests to keep
   * @param onSwept called after each blob that nothing leads to, with the blobs looked at, of all, and the bytes and number
   *   of the removed blobs; an archive, which is written again, does not call it
   * @throws LayerhookError LAYOUT_UNWRITABLE, and what `reachable` throws
   */
  sweep(reachable: () => ReadonlySet<string>, onSwept?: OnProgress): Promise<GarbageResult>;
  /**
   * Removes the layout if this process has created it, it has no image, and no other process uses it. Reports no errors: a
   * command that fails undoes its work with this. Not for archives, which appear with their first index.
   *
   * @param blobs that this process has written
   */
  discard?(blobs: ReadonlySet<Digest>): Promise<void>;
}

/** A blob that a writer takes over from another layout. */
export interface AdoptedBlob {
  digest: Digest;
  /** bytes */
  size: number;
  place: BlobPlace;
}

/** One writer of a layout. Nothing that it writes is visible before it is published. */
export interface LayoutWriter {
  /**
   * Writes a new file.
   *
   * @param onChunk called with each chunk before it is written
   * @returns name of the file for the functions below
   * @throws LayerhookError NO_SPACE, SYSTEM, and what `content` throws; no file is left
   */
  write(
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    onChunk?: (chunk: Uint8Array) => void,
  ): Promise<ByteString>;
  /**
   * Takes over a blob of another layout without copying its bytes, and verifies it.
   *
   * @returns name of the new file; null if that is impossible, and the caller must copy the blob
   * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, NO_SPACE, SYSTEM
   */
  adopt(blob: AdoptedBlob): Promise<ByteString | null>;
  /** Makes a file of this writer a blob. @throws LayerhookError LAYOUT_INVALID, NO_SPACE, SYSTEM */
  publishBlob(name: ByteString, algorithm: DigestAlgorithm, hex: string): Promise<void>;
  /**
   * Replaces index.json, which keeps its mode. The caller holds the exclusive lock.
   *
   * @throws LayerhookError LAYOUT_INVALID, NO_SPACE, SYSTEM
   */
  publishIndex(content: Uint8Array): Promise<void>;
  /** Removes what was not published. */
  close(): void;
}
