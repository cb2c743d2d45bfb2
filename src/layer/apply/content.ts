import { hash } from 'node:crypto';
import { ftruncateSync } from 'node:fs';
import { showBytes } from '../../system/bytes.js';
import { writeAll } from '../../system/files.js';
import type { TarReader } from '../../tar/index.js';
import { ContentHash } from '../content-hash.js';
import { type HoleBudget, takeHoles } from '../holes.js';
import type { TarEntry } from '../types.js';
import type { DigestPool } from './tree.js';

/** Writes the content of regular files, and keeps its SHA-256 digests if an mtree manifest is wanted. */
export class ContentWriter {
  readonly #digests: DigestPool;
  readonly #wanted: boolean;
  readonly #holes: HoleBudget;

  /** @param holes how many bytes of holes may be hashed */
  constructor(digests: DigestPool, wanted: boolean, holes: HoleBudget) {
    this.#digests = digests;
    this.#wanted = wanted;
    this.#holes = holes;
  }

  /**
   * Writes the content of the reader's current entry to an empty file; holes stay holes.
   *
   * @returns index of the digest, -1 if no digest is wanted
   * @throws LayerhookError LIMIT_EXCEEDED if too many holes would be hashed
   */
  write(fd: number, { name, size }: Pick<TarEntry, 'name' | 'size'>, reader: TarReader): number {
    if (this.#wanted) takeHoles(this.#holes, reader.holes, showBytes(name));
    const first = reader.readData();
    if (first === null && size === 0) return this.empty();
    if (first?.length !== size) return this.#writePieces(fd, size, first, reader);
    writeAll(fd, first, null);
    return this.#wanted ? this.#digests.add(hash('sha256', first, 'binary')) : -1;
  }

  /** Returns the index of the digest of empty content, -1 if no digest is wanted. */
  empty(): number {
    return this.#wanted ? this.#digests.add(hash('sha256', '', 'binary')) : -1;
  }

  #writePieces(fd: number, size: number, first: Buffer | null, reader: TarReader): number {
    const sha256 = this.#wanted ? new ContentHash() : undefined;
    let end = 0;
    for (let piece = first; piece !== null; piece = reader.readData()) {
      writeAll(fd, piece, reader.dataOffset);
      sha256?.add(piece, reader.dataOffset);
      end = reader.dataOffset + piece.length;
    }
    if (end < size) ftruncateSync(fd, size);
    return sha256 === undefined ? -1 : this.#digests.add(sha256.finish(size));
  }
}
