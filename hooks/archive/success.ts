import { fsError, LayerhookError, type Logger, reasonOf } from 'layerhook';
import {
  irreplaceable,
  isErrno,
  StatBuffer,
  statAt,
  sweepTemporaries,
  unlinkat,
  writeFileAt,
} from 'layerhook/system';
import { inParent, type TrustedPath } from './trusted-path.js';

/** The empty file that says that an archive is complete. A container may be able to write to its directory. */
export class SuccessFile {
  readonly #place: TrustedPath;

  constructor(place: TrustedPath) {
    this.#place = place;
  }

  /**
   * Removes an older file, or a symlink in its place. Only logs a failure: the archive matters more, and {@link write} fails
   * for the same reason.
   */
  remove(log: Logger): void {
    const { path } = this.#place;
    try {
      inParent(this.#place, (parent, name) => {
        const stat = new StatBuffer();
        if (!statAt(parent, name, stat)) return;
        if (stat.isSymlink || (stat.isFile && stat.size === 0)) unlinkat(parent, name);
      });
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) log.warn(`cannot remove ${path}: ${reasonOf(error)}`);
    }
  }

  /** Writes the file, in place of an older file or symlink. @throws LayerhookError */
  write(): void {
    const { path } = this.#place;
    try {
      inParent(this.#place, (parent, name) => {
        const what = irreplaceable(parent, name);
        if (what !== null) {
          const expected = 'remove it, or name another path for the success file';
          throw new LayerhookError('ARCHIVE_DESTINATION', { path, reason: `${what} is there`, expected });
        }
        sweepTemporaries(parent, name);
        writeFileAt(parent, name, '', 0o644);
      });
    } catch (error) {
      throw fsError(error, `cannot write ${path}`);
    }
  }
}
