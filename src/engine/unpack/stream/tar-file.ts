import { fsError } from '../../../errors/fs-error.js';
import { fromText } from '../../../system/bytes.js';
import { closeWritten, renameat2, tryUnlinkat, writeAll } from '../../../system/files.js';
import {
  createTemporary,
  discardTemporary,
  irreplaceable,
  sweepTemporaries,
  type Temporary,
} from '../../../system/temporary.js';
import type { Sink } from './sink.js';
import { closeTarget, removeTarget, type Target } from './target.js';

/** A layer's tar may hold what only root may read. */
const mode = 0o600;
const zeros = Buffer.alloc(64 * 1024);

/** A regular file that gets its name when the tar is complete and verified. Its directory may be one that others write to. */
export class TarFile implements Sink {
  readonly what: string;
  readonly isFile = true;
  readonly stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #target: Target;
  readonly #temporary: Temporary;
  readonly #offset: number;
  #isOpen = true;

  /**
   * @param offset bytes of zeros before the tar
   * @throws Error if another kind of file has the name; SystemError
   */
  constructor(target: Target, offset: number) {
    const { path, directory, name } = target;
    const inTheWay = irreplaceable(directory, name);
    if (inTheWay !== null) throw new Error(`${path} is ${inTheWay}`);
    sweepTemporaries(directory, name);
    this.what = path;
    this.#target = target;
    this.#offset = offset;
    this.#temporary = createTemporary(directory, name, 'file', mode);
  }

  open(): number {
    for (let left = this.#offset; left > 0; left -= zeros.length)
      writeAll(this.#temporary.fd, zeros.subarray(0, left), null);
    return this.#temporary.fd;
  }

  finish(): void {
    const { directory, name } = this.#target;
    // before the rename: the file is not flushed, so that only the close tells that its content is lost
    this.#isOpen = false;
    try {
      closeWritten(this.#temporary.fd, fromText(this.what));
    } catch (error) {
      throw fsError(error, `cannot write ${this.what}`);
    }
    renameat2(directory, this.#temporary.name, directory, name, 0);
  }

  fail(error: unknown): unknown {
    if (this.#isOpen) discardTemporary(this.#temporary);
    else tryUnlinkat(this.#target.directory, this.#temporary.name);
    this.close();
    return error;
  }

  undo(): void {
    removeTarget(this.#target);
    this.close();
  }

  close(): void {
    closeTarget(this.#target);
  }
}
