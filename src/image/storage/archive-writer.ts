import { createReadStream, fchownSync, fsync, openSync, statSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { fsError } from '../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { againIfGone } from '../../system/again-if-gone.js';
import { fchmod } from '../../system/attributes.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { closeOnError } from '../../system/close-on-error.js';
import { isErrno } from '../../system/errno.js';
import { close, closeWritten, RENAME_NOREPLACE, renameat2, writeAll } from '../../system/files.js';
import { NewDirectories } from '../../system/new-directories.js';
import { throwIfAborted } from '../../system/steps.js';
import {
  createTemporary,
  discardTemporary,
  sweepTemporaries,
  type Temporary,
} from '../../system/temporary.js';
import { pathIn } from '../../system/xattr.js';
import type { TarEntry } from '../../tar/types.js';
import { type TarWriter, tarOf } from '../../tar/writer.js';
import { encodeJson } from '../../text/json-lossless.js';
import { openVerified } from '../blob.js';
import { type DigestAlgorithm, parseDigest } from '../digest.js';
import type { Digest } from '../types.js';
import { layoutVersion } from '../version.js';
import type { AdoptedBlob, BlobPlace, LayoutWriter } from './storage.js';

/** What a writer needs to know of its archive. */
export interface WrittenArchive {
  /** name of the layout, for errors */
  path: string;
  signal: AbortSignal | undefined;
  /** True until the archive exists. */
  isNew(): boolean;
  /** the blobs of the present tar */
  oldBlobs(): AdoptedBlob[];
  /** blobs that the next tar gets, by digest */
  pending: Map<Digest, AdoptedBlob>;
  /** called when a new tar has replaced the old one */
  onPublished(): void;
}

/**
 * A writer of a layout in a tar. New files are in a temporary directory beside the archive. With the index comes a
 * complete new tar: written, flushed, renamed. A killed writer leaves the old tar, and temporary files that the next
 * writer removes.
 */
export class ArchiveWriter implements LayoutWriter {
  readonly #file: string;
  readonly #archive: WrittenArchive;
  readonly #name: ByteString;
  /** the open directory of the archive */
  readonly #directory: number;
  readonly #files: Temporary;
  /** parents that were created for an archive that does not exist yet */
  readonly #made = new NewDirectories();
  readonly #written = new Map<ByteString, BlobPlace & { size: number }>();
  #count = 0;

  /** @throws LayerhookError DIRECTORY_INVALID, NO_SPACE, SYSTEM */
  constructor(file: string, archive: WrittenArchive) {
    this.#file = file;
    this.#archive = archive;
    this.#name = fromText(basename(file));
    try {
      const [directory, files] = againIfGone(() => {
        this.#made.make(dirname(file));
        return openBeside(file, this.#name);
      });
      this.#directory = directory;
      this.#files = files;
    } catch (error) {
      this.#made.remove();
      throw fsError(error, `writing ${archive.path}`);
    }
  }

  async write(
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    onChunk?: (chunk: Uint8Array) => void,
  ): Promise<ByteString> {
    const name = this.#newName();
    const path = pathIn(this.#files.fd, name);
    const said = (error: unknown) => {
      throw fsError(error, `writing ${this.#archive.path}`);
    };
    const handle = await open(path, 'wx', 0o600).catch(said);
    let size = 0;
    try {
      for await (const chunk of content) {
        onChunk?.(chunk);
        await handle.writeFile(chunk).catch(said);
        size += chunk.length;
      }
      await handle.close().catch(said);
    } catch (error) {
      // a second close does nothing
      await handle.close().catch(() => {});
      await unlink(path);
      throw error;
    }
    this.#written.set(name, { path, size });
    return name;
  }

  /** Notes where the blob is: its bytes go from there into the tar, verified. */
  async adopt(blob: AdoptedBlob): Promise<ByteString> {
    const name = this.#newName();
    this.#written.set(name, { ...blob.place, size: blob.size });
    return name;
  }

  async publishBlob(name: ByteString, algorithm: DigestAlgorithm, hex: string): Promise<void> {
    const { size, ...place } = this.#written.get(name)!;
    const digest: Digest = `${algorithm}:${hex}`;
    this.#archive.pending.set(digest, { digest, size, place });
  }

  async publishIndex(content: Uint8Array): Promise<void> {
    const name = await this.write([content]);
    const mode = this.#archive.isNew() ? null : this.#guard(() => statSync(this.#file));
    const tar = this.#guard(() => createTemporary(this.#directory, this.#name, 'file', mode ? 0o600 : 0o644));
    try {
      for await (const chunk of tarOf((writer) => this.#writeTar(writer, name))) {
        throwIfAborted(this.#archive.signal);
        writeAll(tar.fd, chunk, null);
      }
      if (mode) {
        // chown first: it clears setuid and setgid
        fchownSync(tar.fd, mode.uid, mode.gid);
        fchmod(tar.fd, mode.mode & 0o7777, tar.name);
      }
      await promisify(fsync)(tar.fd);
      renameat2(this.#directory, tar.name, this.#directory, this.#name, mode ? 0 : RENAME_NOREPLACE);
      await promisify(fsync)(this.#directory);
    } catch (error) {
      discardTemporary(tar);
      if (isErrno(error, 'EEXIST'))
        throw new LayerhookError('LAYOUT_EXISTS', { path: this.#archive.path }, error);
      throw isLayerhookError(error) ? error : fsError(error, `writing ${this.#archive.path}`);
    }
    this.#guard(() => closeWritten(tar.fd, this.#name));
    this.#archive.onPublished();
  }

  close(): void {
    discardTemporary(this.#files);
    close(this.#directory);
    // those of an archive that exists are not empty
    this.#made.remove();
  }

  async #writeTar(writer: TarWriter, index: ByteString): Promise<void> {
    const { pending, oldBlobs, path } = this.#archive;
    const indexFile = this.#written.get(index)!;
    const version = encodeJson(layoutVersion);
    await writer.write(entryOf('oci-layout', version.length), [version]);
    await writer.write(entryOf('index.json', indexFile.size), createReadStream(indexFile.path));
    for (const blob of oldBlobs())
      if (!pending.has(blob.digest)) await writer.write(blobEntry(blob), readPlain(blob));
    for (const blob of pending.values()) {
      const content = openVerified(blob.place, { mediaType: '', ...blob }, path);
      await writer.write(blobEntry(blob), content);
    }
  }

  #newName(): ByteString {
    this.#count += 1;
    return String(this.#count);
  }

  #guard<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw fsError(error, `writing ${this.#archive.path}`);
    }
  }
}

/** Opens the directory of an archive, and creates a temporary directory in it. @throws SystemError, errors of node:fs */
function openBeside(file: string, name: ByteString): [directory: number, files: Temporary] {
  const directory = openSync(dirname(file), 'r');
  return closeOnError(directory, () => {
    sweepTemporaries(directory, name);
    return [directory, createTemporary(directory, name, 'directory')];
  });
}

/** Removes what killed writers of an archive have left beside it, if this user may. @throws LayerhookError SYSTEM */
export function sweepBeside(file: string): void {
  let directory: number | undefined;
  try {
    directory = openSync(dirname(file), 'r');
    sweepTemporaries(directory, fromText(basename(file)));
  } catch (error) {
    throw fsError(error, `reading ${dirname(file)}`);
  } finally {
    if (directory !== undefined) close(directory);
  }
}

/** Reads a blob of the old tar, which stays what it is: a corrupt blob must not make the whole archive unwritable. */
function readPlain({ place: { path, range }, size }: AdoptedBlob): AsyncIterable<Buffer> | Iterable<Buffer> {
  const start = range?.offset ?? 0;
  return size === 0 ? [] : createReadStream(path, { start, end: start + size - 1, highWaterMark: 1 << 20 });
}

function blobEntry({ digest, size }: AdoptedBlob): TarEntry {
  const { algorithm, hex } = parseDigest(digest);
  return entryOf(`blobs/${algorithm}/${hex}`, size);
}

/** The entry of a file of the layout. Its time is 0, so that the same layout gives the same bytes. */
function entryOf(name: string, size: number): TarEntry {
  return {
    ...{ name, type: 'file', size, mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', linkname: '' },
    ...{ mtime: { sec: 0, nsec: 0 }, devMajor: 0, devMinor: 0, xattrs: new Map() },
  };
}
