import { fchmod, fchown, fstatSync, fsync, open, writeFile } from 'node:fs';
import { promisify } from 'node:util';
import { fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromText } from '../system/bytes.js';
import { closeOnError, writeAndClose } from '../system/close-on-error.js';
import { E, SystemError } from '../system/errno.js';
import { AT_REMOVEDIR, close, O, tryMkdirat, tryOpenat, tryUnlinkat } from '../system/files.js';
import { flock, tryLockNamed } from '../system/lock.js';
import { tryEmptyDirectory } from '../system/remove.js';
import { pathIn } from '../system/xattr.js';
import type { DigestAlgorithm } from './digest.js';
import type { AdoptedBlob, LayoutWriter } from './storage/storage.js';
import { LayoutFiles } from './writer-files.js';

/** Prefix of a session's directory. It is umoci's, so that the gc of each program removes dead sessions of the other. */
export const sessionPrefix = '.umoci-';

/** Functions that run in libuv's pool. node:fs/promises takes 1 ms of CPU time to load, which shows in a repack of nothing. */
const inPool = {
  open: promisify(open),
  writeFile: promisify(writeFile),
  chown: promisify(fchown),
  chmod: promisify(fchmod),
  sync: promisify(fsync),
};

const directoryFlags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;

/** Sessions that the exit of the process closes, so that an unclosed session leaves no directory behind. */
const openSessions = new Set<Session>();

function closeAll(): void {
  for (const session of openSessions) session.close();
}

/**
 * A writer's own directory inside a layout, for incomplete files. A lock (flock(2)), held while the writer lives,
 * protects it from every gc, including umoci's. Blobs newer than the directory may belong to its writer.
 *
 * All access is by file descriptor, because the layout's owner may put another directory or a symlink in its place.
 */
export class Session implements LayoutWriter {
  readonly #files: LayoutFiles;
  readonly #name: ByteString;
  readonly #fd: number;
  #count = 0;

  private constructor(files: LayoutFiles, name: ByteString, fd: number) {
    this.#files = files;
    this.#name = name;
    this.#fd = fd;
    if (openSessions.size === 0) process.on('exit', closeAll);
    openSessions.add(this);
  }

  /** Opens a session in a layout. @throws LayerhookError LAYOUT_INVALID, NO_SPACE, SYSTEM */
  static open(layout: string): Session {
    const files = new LayoutFiles(layout);
    try {
      for (;;) {
        const name = makeDirectory(files);
        const fd = openOwn(files, name);
        if (fd === undefined) continue;
        // a gc may have removed the directory before the lock
        const isLocked = closeOnError(fd, () => tryLockNamed(fd, files.fd, name));
        if (isLocked) return new Session(files, name, fd);
        close(fd);
      }
    } catch (error) {
      files.close();
      throw error;
    }
  }

  /**
   * Writes a new file and flushes it to disk. The file gets the owner of the layout; files of root in a user's layout
   * would be unreadable for that user. If it fails, no file is left.
   *
   * @param onChunk called with each chunk before it is written
   * @param mode permission bits, which the umask does not change; default: 0o644 without the bits of the umask
   * @returns the file's name in the session
   * @throws LayerhookError NO_SPACE, SYSTEM; and what `content` throws
   */
  async write(
    content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    onChunk?: (chunk: Uint8Array) => void,
    mode?: number,
  ): Promise<ByteString> {
    const { requireThreadPool } = await import('../system/pool.js');
    requireThreadPool();
    const name = this.#newName();
    const what = `writing ${this.#name}/${name} in ${this.#files.path}`;
    const said = (error: unknown) => {
      throw fsError(error, what);
    };
    const fd = await inPool.open(pathIn(this.#fd, name), 'wx', 0o644).catch(said);
    const fill = async () => {
      for await (const chunk of content) {
        onChunk?.(chunk);
        await inPool.writeFile(fd, chunk).catch(said);
      }
      if (process.geteuid?.() === 0) {
        const { uid, gid } = this.#files.owner();
        await inPool.chown(fd, uid, gid).catch(said);
      }
      if (mode !== undefined) await inPool.chmod(fd, mode).catch(said);
      await inPool.sync(fd).catch(said);
    };
    try {
      await writeAndClose(fd, name, fill);
      return name;
    } catch (error) {
      tryUnlinkat(this.#fd, name);
      throw error instanceof SystemError ? fsError(error, what) : error;
    }
  }

  /** Reflinks or hardlinks a file of another layout; see adopt-blob.ts. */
  async adopt(blob: AdoptedBlob): Promise<ByteString | null> {
    if (blob.place.range !== undefined || blob.place.data !== undefined) return null;
    const { adoptBlob } = await import('./adopt-blob.js');
    const name = this.#newName();
    return (await adoptBlob(blob, this.#files, { directory: this.#fd, name })) ? name : null;
  }

  /** Moves a file of the session to the place of a blob. @throws LayerhookError LAYOUT_INVALID, NO_SPACE, SYSTEM */
  async publishBlob(name: ByteString, algorithm: DigestAlgorithm, hex: string): Promise<void> {
    const directory = this.#blobs(algorithm);
    try {
      await this.#files.publish(this.#fd, name, directory, hex);
    } finally {
      close(directory);
    }
  }

  /** Replaces index.json, which keeps its mode. @throws LayerhookError NO_SPACE, SYSTEM */
  async publishIndex(content: Uint8Array): Promise<void> {
    const name = await this.write([content], undefined, this.#files.indexMode());
    await this.#files.publish(this.#fd, name, this.#files.fd, 'index.json');
  }

  /** Removes the directory and releases the lock. */
  close(): void {
    openSessions.delete(this);
    if (openSessions.size === 0) process.off('exit', closeAll);
    removeDirectory(this.#files.fd, this.#name, this.#fd);
    close(this.#fd);
    this.#files.close();
  }

  #newName(): ByteString {
    this.#count += 1;
    return String(this.#count);
  }

  #blobs(algorithm: DigestAlgorithm): number {
    const found = this.#files.openBlobs(algorithm);
    if (found !== undefined) return found;
    this.#files.makeBlobs(algorithm, this.#fd);
    const made = this.#files.openBlobs(algorithm);
    if (made !== undefined) return made;
    const reason = `its directory blobs/${algorithm} vanished`;
    throw new LayerhookError('LAYOUT_INVALID', { path: this.#files.path, reason });
  }
}

/**
 * Removes a session's directory if its writer has died.
 *
 * @returns birth time (ns since the epoch) of a living session; undefined if its writer has died or it is missing
 * @throws LayerhookError SYSTEM
 */
export function cleanSession(files: LayoutFiles, name: ByteString): bigint | undefined {
  const fd = openOwn(files, name);
  if (fd === undefined) return undefined;
  try {
    if (!flock(fd, 'exclusive', { wait: false })) return fstatSync(fd, { bigint: true }).birthtimeNs;
    const done = removeDirectory(files.fd, name, fd);
    if (done < 0 && done !== -E.ENOENT) throw failure(done, 'unlinkat', `removing ${files.path}/${name}`);
    return undefined;
  } finally {
    close(fd);
  }
}

/** Empties the open directory, then removes its name. If the name leads to another directory now, that must be empty too. */
function removeDirectory(layout: number, name: ByteString, fd: number): number {
  const emptied = tryEmptyDirectory(fd);
  return emptied < 0 ? emptied : tryUnlinkat(layout, name, AT_REMOVEDIR);
}

function makeDirectory({ fd, path }: LayoutFiles): ByteString {
  for (;;) {
    const name = sessionPrefix + Math.random().toString(36).slice(2, 8);
    const made = tryMkdirat(fd, name, 0o700);
    if (made === 0) return name;
    if (made !== -E.EEXIST) throw failure(made, 'mkdirat', `making a directory in ${path}`);
  }
}

/** Opens a session's directory; undefined if it is missing or not a directory. */
function openOwn({ fd: layout, path }: LayoutFiles, name: ByteString): number | undefined {
  const fd = tryOpenat(layout, name, directoryFlags);
  if (fd >= 0) return fd;
  if (fd === -E.ENOENT || fd === -E.ENOTDIR || fd === -E.ELOOP) return undefined;
  throw failure(fd, 'openat', `opening ${path}/${name}`);
}

function failure(done: number, syscall: string, what: string): LayerhookError {
  return fsError(new SystemError(-done, syscall, fromText(what)), what);
}
