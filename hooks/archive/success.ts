import { basename, dirname } from 'node:path';
import { fsError, LayerhookError, type Logger } from 'layerhook/driver';
import {
  close,
  fromText,
  irreplaceable,
  isErrno,
  openTrustedDirectory,
  StatBuffer,
  statAt,
  unlinkat,
  writeFileAt,
} from 'layerhook/system';
import type { TrustedPath } from './records.js';

/** The empty file that says that an archive is there. A container may write the directory that it is in. */
export class SuccessFile {
  readonly #place: TrustedPath;

  constructor(place: TrustedPath) {
    this.#place = place;
  }

  /**
   * Removes an older one, or a symlink in its place. A failure is only logged: the archive matters more, and
   * {@link write} fails for the same reason.
   */
  remove(log: Logger): void {
    const { path } = this.#place;
    try {
      this.#inParent((parent, name) => {
        const stat = new StatBuffer();
        if (!statAt(parent, name, stat)) return;
        if (stat.isSymlink || (stat.isFile && stat.size === 0)) unlinkat(parent, name);
      });
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) log.warn(`cannot remove ${path}: ${(error as Error).message}`);
    }
  }

  /** Writes it anew, whatever file or symlink has its name. @throws LayerhookError */
  write(): void {
    const { path } = this.#place;
    try {
      this.#inParent((parent, name) => {
        const what = irreplaceable(parent, name);
        if (what === null) return writeFileAt(parent, name, '', 0o644);
        const expected = 'remove it, or name another path for the success file';
        throw new LayerhookError('ARCHIVE_DESTINATION', { path, reason: `${what} is there`, expected });
      });
    } catch (error) {
      throw fsError(error, `cannot write ${path}`);
    }
  }

  #inParent(use: (parent: number, name: string) => void): void {
    const { path, untrusted } = this.#place;
    const parent = openTrustedDirectory(dirname(path), { untrusted });
    try {
      use(parent, fromText(basename(path)));
    } finally {
      close(parent);
    }
  }
}
