import { constants, fstatSync, openSync, readSync } from 'node:fs';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { close } from '../../system/close.js';
import { closeOnError } from '../../system/close-on-error.js';
import type { LayerSource } from '../types.js';

/** Reads a layer's blob piece by piece: exactly as many bytes as its descriptor says. */
export class BlobFile {
  readonly #source: LayerSource;
  readonly #fd: number | undefined;
  /** offset of the blob in the file */
  readonly #start: number;
  #at = 0;

  /**
   * @throws LayerhookError BLOB_NOT_FOUND: the file is missing, or not a regular file
   * @throws LayerhookError SYSTEM, NO_SPACE: the file cannot be opened
   * @throws LayerhookError BLOB_SIZE: its size differs from the descriptor's
   */
  constructor(source: LayerSource) {
    this.#source = source;
    this.#start = source.range?.offset ?? 0;
    if (source.data !== undefined) {
      this.#checkSize(source.data.length);
      return;
    }
    this.#fd = openBlob(source);
    try {
      this.#checkSize(source.range?.size ?? fstatSync(this.#fd).size);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Fills `buffer` as far as possible. Returns the number of bytes; 0 at the end.
   *
   * @throws LayerhookError BLOB_SIZE: the file became shorter
   */
  read(buffer: Buffer): number {
    const want = Math.min(buffer.length, this.#source.size - this.#at);
    let got = 0;
    while (got < want) {
      const count = this.#readSome(buffer, got, want - got);
      if (count === 0) this.#checkSize(this.#at + got);
      got += count;
    }
    this.#at += got;
    return got;
  }

  close(): void {
    if (this.#fd !== undefined) close(this.#fd);
  }

  #readSome(buffer: Buffer, start: number, length: number): number {
    if (this.#fd !== undefined)
      return readSync(this.#fd, buffer, start, length, this.#start + this.#at + start);
    buffer.set(this.#source.data!.subarray(this.#at + start, this.#at + start + length), start);
    return length;
  }

  #checkSize(actual: number): void {
    const { digest, size } = this.#source;
    if (actual !== size) throw new LayerhookError('BLOB_SIZE', { digest, actual, expected: size });
  }
}

/** Opens the file. A FIFO in its place does not block. @throws as the constructor of {@link BlobFile} */
function openBlob({ path, digest }: LayerSource): number {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return closeOnError(fd, () => {
      if (fstatSync(fd).isFile()) return fd;
      throw new Error('it is not a regular file');
    });
  } catch (error) {
    const code = errorCode(error);
    if (code !== undefined && code !== 'ENOENT' && code !== 'ENOTDIR')
      throw fsError(error, `opening ${path}`);
    throw new LayerhookError('BLOB_NOT_FOUND', { digest, path }, error);
  }
}
