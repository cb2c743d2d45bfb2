import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fsError, LayerhookError } from 'layerhook';
import {
  close,
  E,
  fromText,
  O,
  openat,
  openTrustedDirectory,
  readDirectory,
  StatBuffer,
  SystemError,
  statAt,
  statFd,
  sweepTemporaries,
  tryOpenat,
  tryUnlinkat,
  waitForLock,
  writeFileAt,
} from 'layerhook/system';

const writableByOthers = 0o022;

/** A directory of files that only this user writes, held open for the life of the process. */
export class StateDirectory {
  readonly path: string;
  readonly #fd: number;

  /**
   * Opens the directory, or creates it with mode 0700.
   *
   * @throws LayerhookError DIRECTORY_INVALID if other users may write to it or to a symlink on the way; SystemError
   */
  constructor(path: string) {
    this.path = resolve(path);
    this.#fd = openTrustedDirectory(this.path, { make: 0o700 });
    try {
      this.#requirePrivate();
    } catch (error) {
      close(this.#fd);
      throw error;
    }
  }

  #requirePrivate(): void {
    const stat = new StatBuffer();
    statFd(this.#fd, stat);
    if (stat.uid === process.geteuid!() && (stat.mode & writableByOthers) === 0) return;
    throw new LayerhookError('DIRECTORY_INVALID', { path: this.path, reason: 'other users may write to it' });
  }

  names(): string[] {
    const fd = openat(this.#fd, '.', O.RDONLY | O.DIRECTORY);
    try {
      return readDirectory(fd).map(({ name }) => name);
    } finally {
      close(fd);
    }
  }

  /** Returns the content of a regular file; null if it is missing or unreadable. */
  read(name: string): string | null {
    const fd = tryOpenat(this.#fd, fromText(name), O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
    if (fd < 0) return null;
    try {
      return isRegular(fd) ? readFileSync(fd, 'utf8') : null;
    } catch {
      return null;
    } finally {
      close(fd);
    }
  }

  /** Writes a file atomically, readable for its owner only. @throws SystemError */
  write(name: string, content: string): void {
    sweepTemporaries(this.#fd, fromText(name));
    writeFileAt(this.#fd, fromText(name), content, 0o600);
  }

  /** Removes a file, if it exists. @throws SystemError */
  remove(name: string): void {
    const done = tryUnlinkat(this.#fd, fromText(name));
    if (done < 0 && done !== -E.ENOENT) throw new SystemError(-done, 'unlinkat', fromText(name));
  }

  /** Returns the modification time of a file in ms since the epoch; null if it is missing. @throws SystemError */
  modified(name: string): number | null {
    const stat = new StatBuffer();
    return statAt(this.#fd, fromText(name), stat) ? stat.mtimeSec * 1000 : null;
  }

  /**
   * Runs `action` with the lock of this name.
   *
   * @param signal ends a wait for another process
   * @throws LayerhookError, and as `action`
   */
  async locked<T>(name: string, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const fd = this.#openLock(name);
    try {
      await waitForLock(fd, 'exclusive', join(this.path, name), { signal });
      return await action();
    } finally {
      close(fd);
    }
  }

  #openLock(name: string): number {
    const flags = O.RDWR | O.CREAT | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY;
    try {
      return openat(this.#fd, fromText(name), flags, 0o600);
    } catch (error) {
      throw fsError(error, `cannot lock ${join(this.path, name)}`);
    }
  }
}

function isRegular(fd: number): boolean {
  const stat = new StatBuffer();
  statFd(fd, stat);
  return stat.isFile;
}
