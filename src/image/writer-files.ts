import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import { fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { fchown } from '../system/attributes.js';
import { type ByteString, fromText } from '../system/bytes.js';
import { E, SystemError } from '../system/errno.js';
import { AT_FDCWD, close, O, openat, renameat2, tryMkdirat, tryOpenat } from '../system/files.js';
import { StatBuffer, statAt, statFd } from '../system/stat.js';
import type { DigestAlgorithm } from './digest.js';

const directoryFlags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
/** Digest algorithms of the blobs in a layout. */
export const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512'];

/**
 * The directories of a layout for writers and gc: kept open, and reached without following a symlink. A layout may
 * belong to another user, and that user can replace any name in it at any time.
 */
export class LayoutFiles {
  readonly path: string;
  /** file descriptor of the layout's directory */
  readonly fd: number;

  /** @throws LayerhookError LAYOUT_INVALID if `blobs`, or a directory in it, is a symlink; SYSTEM */
  constructor(path: string) {
    this.path = path;
    this.fd = this.#guard(`opening ${path}`, () => openat(AT_FDCWD, fromText(path), directoryFlags));
    try {
      for (const algorithm of algorithms) {
        const fd = this.openBlobs(algorithm);
        if (fd !== undefined) close(fd);
      }
    } catch (error) {
      close(this.fd);
      throw error;
    }
  }

  close(): void {
    close(this.fd);
  }

  /** Returns the user and group that own the layout. */
  owner(): { uid: number; gid: number } {
    const stat = new StatBuffer();
    this.#guard(`reading ${this.path}`, () => statFd(this.fd, stat));
    return { uid: stat.uid, gid: stat.gid };
  }

  /** Returns the permission bits of index.json; undefined if it is missing. */
  indexMode(): number | undefined {
    const stat = new StatBuffer();
    const found = this.#guard(`reading ${this.path}/index.json`, () => statAt(this.fd, 'index.json', stat));
    return found && stat.isFile ? stat.mode & 0o777 : undefined;
  }

  /**
   * Opens the directory of an algorithm's blobs. The caller must close it.
   *
   * @returns undefined if the directory is missing
   * @throws LayerhookError LAYOUT_INVALID if it is a symlink, SYSTEM
   */
  openBlobs(algorithm: DigestAlgorithm): number | undefined {
    const blobs = this.#open(this.fd, 'blobs', 'blobs');
    if (blobs === undefined) return undefined;
    try {
      return this.#open(blobs, algorithm, `blobs/${algorithm}`);
    } finally {
      close(blobs);
    }
  }

  /**
   * Creates the directory of an algorithm's blobs with the owner of the layout.
   *
   * @param session open directory that only this user may write to. The new directory gets its owner there before
   *   it is moved to its place, so that the layout's owner cannot exchange it in between.
   * @throws LayerhookError LAYOUT_INVALID, NO_SPACE, SYSTEM
   */
  makeBlobs(algorithm: DigestAlgorithm, session: number): void {
    this.#guard(`making ${this.path}/blobs/${algorithm}`, () => {
      const made = tryMkdirat(session, algorithm, 0o755);
      if (made < 0 && made !== -E.EEXIST) throw new SystemError(-made, 'mkdirat', algorithm);
      this.#giveToOwner(session, algorithm);
      const blobs = openat(this.fd, 'blobs', directoryFlags);
      try {
        // a concurrent writer may have made it: an empty directory is replaced, a non-empty one is kept
        renameat2(session, algorithm, blobs, algorithm, 0);
      } catch (error) {
        if (!(error instanceof SystemError) || !['EEXIST', 'ENOTEMPTY'].includes(error.code)) throw error;
      } finally {
        close(blobs);
      }
    });
  }

  /**
   * Moves a complete file from a session to its place, and flushes the directory.
   *
   * @param directory open directory of the layout that receives the file
   * @throws LayerhookError NO_SPACE, SYSTEM
   */
  async publish(session: number, name: ByteString, directory: number, target: ByteString): Promise<void> {
    try {
      renameat2(session, name, directory, target, 0);
      await promisify(fsync)(directory);
    } catch (error) {
      throw fsError(error, `writing ${target} in ${this.path}`);
    }
  }

  #giveToOwner(session: number, name: ByteString): void {
    if (process.geteuid?.() !== 0) return;
    const stat = new StatBuffer();
    statFd(session, stat);
    if (stat.uid !== 0) {
      const reason = 'its owner exchanged a temporary directory while root wrote to the layout';
      throw new LayerhookError('LAYOUT_INVALID', { path: this.path, reason });
    }
    const fd = openat(session, name, directoryFlags);
    try {
      const { uid, gid } = this.owner();
      fchown(fd, uid, gid, name);
    } finally {
      close(fd);
    }
  }

  #open(dirfd: number, name: ByteString, shown: string): number | undefined {
    const fd = tryOpenat(dirfd, name, directoryFlags);
    if (fd === -E.ENOENT) return undefined;
    if (fd >= 0) return fd;
    const stat = new StatBuffer();
    const isSymlink =
      this.#guard(`opening ${this.path}/${shown}`, () => statAt(dirfd, name, stat)) && stat.isSymlink;
    if (!isSymlink) throw fsError(new SystemError(-fd, 'openat', name), `opening ${this.path}/${shown}`);
    const reason = `its directory ${shown} is a symlink: the blobs may belong to other layouts too`;
    throw new LayerhookError('LAYOUT_INVALID', { path: this.path, reason });
  }

  #guard<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw fsError(error, what);
    }
  }
}
