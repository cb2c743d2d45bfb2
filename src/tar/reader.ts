import { counted } from '../errors/counted.js';
import { LayerhookError, limitOf, overLimit } from '../errors/index.js';
import { type ByteString, showBytes } from '../system/bytes.js';
import { BadTar } from './bad.js';
import { BlockReader, blockBytes } from './blocks.js';
import { type LayerBudget, layerBudget, takeEntry, takeHeader } from './budget.js';
import { Content, padding } from './content.js';
import { type EntryPrelude, entryName, entryType, makeEntry, storedSize } from './entry.js';
import { emptyPrelude, extended, untilNul } from './extended.js';
import { checksumMatches, readHeader, sumBlock, type TarHeader } from './header.js';
import { mergeGlobal, noRecords, parsePax } from './pax.js';
import { checkMap, oldSparseFlag, readOldMap, readPaxMap, type SparseFile } from './sparse.js';
import type { ByteSource, EntryType, TarEntry } from './types.js';

export interface TarReaderOptions {
  /** digest of the layer, for errors */
  digest?: string;
  /** what the tar may cost, together with other tars of the operation; default: the default limits, for this tar alone */
  budget?: LayerBudget;
}

/**
 * Reads a tar entry by entry, synchronously, from a blocking source: POSIX ustar and pax, GNU, star and V7, as written by
 * GNU tar, libarchive and Go's archive/tar.
 *
 * Call {@link next} for each entry, {@link readData} until it returns null (or not at all), and {@link drain} at the end.
 * Entries are given as the tar has them: names are not cleaned, and may lead outside the root.
 *
 * If other readers disagree about an archive, it is refused, or read as Go's archive/tar does, which all engines use.
 * Links, directories and devices have no content even if their header has a size. A PAX size applies to the next file
 * only, never to the header of another PAX header (CVE-2025-62518, CVE-2026-53655).
 */
export class TarReader {
  readonly #blocks: BlockReader;
  readonly #content: Content;
  readonly #digest: string;
  readonly #budget: LayerBudget;
  readonly #prelude = emptyPrelude();
  #state: 'open' | 'ended' | LayerhookError = 'open';
  /** offset of the current header block */
  #headerAt = 0;
  constructor(source: ByteSource, { digest = '(tar)', budget = layerBudget() }: TarReaderOptions = {}) {
    this.#blocks = new BlockReader(source);
    this.#content = new Content(this.#blocks);
    this.#digest = digest;
    this.#budget = budget;
  }

  /** Offset in the file of the bytes from the last readData, which skips holes. */
  get dataOffset(): number {
    return this.#content.offset;
  }

  /** Bytes of holes in the current entry, if it is a sparse file. */
  get holes(): number {
    return this.#content.holes;
  }

  /** Bytes of the current entry's content that the tar stores and that are not read yet; they begin at {@link position}. */
  get stored(): number {
    return this.#content.left;
  }

  /** Where the stored bytes of a sparse file belong: offset, length, offset, length, ...; undefined for other files. */
  get sparseMap(): readonly number[] | undefined {
    return this.#content.map;
  }

  /** Bytes of the tar consumed so far. */
  get position(): number {
    return this.#blocks.position;
  }

  /**
   * Returns the next entry, or null after the last one. Skips unread content of the previous entry.
   *
   * @throws LayerhookError TAR_INVALID: malformed, or cut off inside an entry
   * @throws LayerhookError LAYER_ENTRY: an entry of a type that a layer cannot hold
   * @throws LayerhookError LIMIT_EXCEEDED: too many entries, or too large ones
   */
  next(): TarEntry | null {
    if (this.#state !== 'open') return this.#settled();
    try {
      this.#content.finish();
      const entry = this.#readEntry();
      if (entry === null) this.#state = 'ended';
      return entry;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /**
   * Returns the next piece of the current entry's content; null at its end. The piece belongs at {@link dataOffset} in
   * the file, and is valid until the next call of any method.
   *
   * @throws LayerhookError TAR_INVALID: the tar ends inside the entry
   */
  readData(): Buffer | null {
    if (this.#state instanceof LayerhookError) throw this.#state;
    try {
      return this.#content.read();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Reads the source to its end, because data after the last entry is legal and part of the layer's digests. */
  drain(): void {
    this.#content.abandon();
    if (this.#state === 'open') this.#state = 'ended';
    this.#blocks.drain();
  }

  #settled(): null {
    if (this.#state instanceof LayerhookError) throw this.#state;
    return null;
  }

  #fail(error: unknown): unknown {
    const failure =
      error instanceof BadTar
        ? new LayerhookError('TAR_INVALID', {
            digest: this.#digest,
            offset: this.#headerAt,
            reason: error.message,
          })
        : error;
    if (failure instanceof LayerhookError) this.#state = failure;
    return failure;
  }

  /** Reads extended headers and the entry's own header; null at the end of the archive. */
  #readEntry(): TarEntry | null {
    const prelude = this.#prelude;
    prelude.pax = noRecords;
    prelude.longName = '';
    prelude.longLink = '';
    for (;;) {
      const header = this.#readHeader();
      if (header === null) {
        if (hasBegun(prelude)) throw new BadTar('the tar ends between an extended header and its entry');
        return null;
      }
      const flag = header.typeflag;
      if (flag === extended.pax) prelude.pax = parsePax(this.#readMeta(header, 'a PAX header'));
      else if (flag === extended.paxGlobal) {
        if (hasBegun(prelude)) throw new BadTar('a global header stands between a header and its entry');
        prelude.global = mergeGlobal(prelude.global, parsePax(this.#readMeta(header, 'a global PAX header')));
      } else if (flag === extended.longName)
        prelude.longName = untilNul(this.#readMeta(header, 'a long name'));
      else if (flag === extended.longLink)
        prelude.longLink = untilNul(this.#readMeta(header, 'a long link target'));
      else return this.#finishHeader(header, prelude);
    }
  }

  /** Reads a header block. Returns null at the end: no more blocks, or two blocks of zeros. */
  #readHeader(): TarHeader | null {
    const blocks = this.#blocks;
    this.#headerAt = blocks.position;
    const got = blocks.readBlock();
    if (got === 0) return null;
    if (got < blockBytes) throw new BadTar('the tar ends inside a header');
    const sum = sumBlock(blocks.block, blocks.blockAt);
    if (sum === 0) return this.#secondZeroBlock();
    if (!checksumMatches(blocks.block, blocks.blockAt, sum))
      throw new BadTar('a header has a wrong checksum');
    return readHeader(blocks.block, blocks.blockAt);
  }

  /** Refuses a single block of zeros: GNU tar and Go would read different entries after it. */
  #secondZeroBlock(): null {
    const blocks = this.#blocks;
    const got = blocks.readBlock();
    if (got === blockBytes && sumBlock(blocks.block, blocks.blockAt) !== 0) {
      throw new BadTar('a lone block of zeros between entries');
    }
    return null;
  }

  /** Reads the content of an extended header. Its size is that of its own header, never a PAX size. */
  #readMeta({ size }: TarHeader, what: string): Buffer {
    if (!Number.isSafeInteger(size) || size < 0) throw new BadTar(`${what} has no valid size`);
    const { limits } = this.#budget;
    if (size > limitOf(limits, 'header-size'))
      throw overLimit('header-size', `${what} of layer ${this.#digest} (${counted(size, 'bytes')})`, limits);
    takeHeader(this.#budget, size, this.#digest);
    const data = this.#blocks.take(size);
    if (data === undefined) throw new BadTar(`the tar ends inside ${what}`);
    this.#blocks.skip(padding(size));
    return data;
  }

  #finishHeader(header: TarHeader, prelude: EntryPrelude): TarEntry {
    const name = entryName(header, prelude);
    const type = entryType(header.typeflag, name);
    if (type === undefined) throw this.#unknownType(header, name);
    takeEntry(this.#budget, this.#digest);
    const stored = storedSize(header, type, prelude);
    const sparse = this.#readSparse(header, { type, stored }, prelude);
    this.#content.start(stored, sparse);
    const entry = makeEntry(header, type, sparse?.size ?? stored, prelude);
    if (sparse?.name) entry.name = sparse.name;
    this.#requireSize(entry);
    return entry;
  }

  #requireSize({ name, size }: TarEntry): void {
    const { limits } = this.#budget;
    if (size <= limitOf(limits, 'file-size')) return;
    throw overLimit(
      'file-size',
      `size of ${showBytes(name)} in layer ${this.#digest} (${counted(size, 'bytes')})`,
      limits,
    );
  }

  #readSparse(
    { typeflag, format }: TarHeader,
    { type, stored }: { type: EntryType; stored: number },
    { pax }: EntryPrelude,
  ): SparseFile | undefined {
    const old = typeflag === oldSparseFlag;
    if (old && format !== 'gnu') throw new BadTar('type S is a sparse file only in GNU headers');
    const sparse = old ? readOldMap(this.#blocks) : readPaxMap(pax, this.#blocks, stored);
    if (sparse === undefined) return undefined;
    if (type !== 'file') throw new BadTar(`a ${type} has a sparse map`);
    checkMap(sparse, stored - sparse.mapBytes);
    return sparse;
  }

  #unknownType({ typeflag }: TarHeader, name: ByteString): LayerhookError {
    const flag = JSON.stringify(String.fromCharCode(typeflag));
    const reason = `a layer cannot hold entries of type ${flag}`;
    return new LayerhookError('LAYER_ENTRY', { digest: this.#digest, name: showBytes(name), reason });
  }
}

/** True if an extended header was read, so that the entry's own header must follow. */
function hasBegun({ pax, longName, longLink }: EntryPrelude): boolean {
  return pax !== noRecords || longName !== '' || longLink !== '';
}
