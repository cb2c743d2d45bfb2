import { counted } from '../errors/counted.js';
import type { ByteString } from '../system/bytes.js';
import { BadTar } from './bad.js';
import { type BlockReader, blockBytes } from './blocks.js';
import { typeflagAt } from './header.js';
import { parseDecimal, parseField } from './numbers.js';
import type { PaxRecords } from './pax.js';

/** Where the stored bytes of a sparse file belong; the rest is holes. GNU tar manual, "Storing Sparse Files". */
export interface SparseFile {
  /** size of the file in bytes, including holes */
  size: number;
  /** offset, length, offset, length, ...; ascending, no overlap */
  map: number[];
  /** the real name; the header has a placeholder */
  name?: ByteString;
  /** bytes of stored content that the map itself takes */
  mapBytes: number;
}

/** Limit on the stretches of data in one file, because a hostile map costs memory. */
const maxStretches = 65_536;

/** Type flag of old GNU sparse files. */
export const oldSparseFlag = 0x53;
const oldMapAt = 386;
const oldExtendedAt = 482;
const oldRealSizeAt = 483;
const nextExtendedAt = 504;

/** Reads the map of an old GNU header (type S), which continues in extra blocks between header and content. */
export function readOldMap(blocks: BlockReader): SparseFile {
  const size = parseField(blocks.block, blocks.blockAt + oldRealSizeAt, 12);
  const map: number[] = [];
  let entries = 4;
  let at = blocks.blockAt + oldMapAt;
  let extended = blocks.block[blocks.blockAt + oldExtendedAt] !== 0;
  for (;;) {
    for (let i = 0; i < entries && blocks.block[at] !== 0; i++, at += 24) {
      push(map, parseField(blocks.block, at, 12), parseField(blocks.block, at + 12, 12));
    }
    if (!extended) return { size, map, mapBytes: 0 };
    if (blocks.readBlock() < blockBytes) throw new BadTar('the tar ends inside a sparse map');
    entries = 21;
    at = blocks.blockAt;
    extended = blocks.block[at + nextExtendedAt] !== 0;
  }
}

/** True if another block of an old sparse map follows this one. @param isHeader false for a block of the map */
export function mapContinues(block: Buffer, isHeader: boolean): boolean {
  return block[isHeader ? oldExtendedAt : nextExtendedAt] !== 0;
}

/** Reads the map from PAX records (GNU sparse 0.0 and 0.1) or from the content (1.0); undefined if the file is not sparse. */
export function readPaxMap(pax: PaxRecords, blocks: BlockReader, stored: number): SparseFile | undefined {
  const version = sparseVersion(pax);
  if (version === undefined) return undefined;
  const { values } = pax;
  const size = parseDecimal(
    values.get('GNU.sparse.size') ?? values.get('GNU.sparse.realsize') ?? `${stored}`,
  );
  const name = values.get('GNU.sparse.name');
  const start = blocks.position;
  const map = version === '1.0' ? readMapBefore(blocks, stored) : readMapRecord(pax);
  return { size, map, mapBytes: blocks.position - start, ...(name ? { name } : {}) };
}

/** Throws BadTar unless the map is in order, lies inside the file, and covers all `stored` bytes. */
export function checkMap({ map, size }: SparseFile, stored: number): void {
  if (!(size >= 0 && Number.isSafeInteger(size))) throw new BadTar('a sparse file has no valid size');
  let end = 0;
  let data = 0;
  for (let i = 0; i < map.length; i += 2) {
    const offset = map[i]!;
    const length = map[i + 1]!;
    if (!(offset >= end && length >= 0 && offset + length <= size))
      throw new BadTar('a sparse map is malformed');
    end = offset + length;
    data += length;
  }
  if (data !== stored)
    throw new BadTar(`a sparse map has ${counted(data, 'bytes')} of data, the tar ${stored}`);
}

function sparseVersion({ values, sparseMap }: PaxRecords): '0' | '1.0' | undefined {
  const major = values.get('GNU.sparse.major');
  const minor = values.get('GNU.sparse.minor');
  if (major === '1' && minor === '0') return '1.0';
  if (major === '0' && (minor === '0' || minor === '1')) return '0';
  if (major || minor) throw new BadTar(`GNU sparse version ${major ?? '?'}.${minor ?? '?'} is unknown`);
  return sparseMap.length > 0 ? '0' : undefined;
}

function readMapRecord({ values, sparseMap }: PaxRecords): number[] {
  if (sparseMap.length !== 2 * parseDecimal(values.get('GNU.sparse.numblocks') ?? '')) {
    throw new BadTar('GNU.sparse.numblocks does not match the sparse map');
  }
  const map: number[] = [];
  for (let i = 0; i < sparseMap.length; i += 2)
    push(map, parseDecimal(sparseMap[i]!), parseDecimal(sparseMap[i + 1]!));
  return map;
}

/** Reads the map of version 1.0 before the content: a count and the numbers, one per line, padded to a block. */
function readMapBefore(blocks: BlockReader, stored: number): number[] {
  const lines = new Lines(blocks, stored);
  const count = lines.next();
  if (!(count >= 0)) throw new BadTar('a sparse map holds a malformed number');
  const map: number[] = [];
  for (let i = 0; i < count; i++) push(map, lines.next(), lines.next());
  return map;
}

function push(map: number[], offset: number, length: number): void {
  if (Number.isNaN(offset) || Number.isNaN(length)) throw new BadTar('a sparse map holds a malformed number');
  if (map.length >= 2 * maxStretches) throw new BadTar(`a sparse map has over ${maxStretches} stretches`);
  map.push(offset, length);
}

/** True if a tar may hold sparse files of any format. Never misses one, but may be true for a tar without them. */
export function mayHaveSparseFiles(tar: Buffer): boolean {
  if (tar.includes('GNU.sparse.', 0, 'latin1')) return true;
  for (let at = typeflagAt; at < tar.length; at += blockBytes) if (tar[at] === oldSparseFlag) return true;
  return false;
}

/** Reads numbers, one per line, from the blocks at the start of a file's content; `left` bytes of content remain. */
class Lines {
  #at = blockBytes;

  constructor(
    private readonly blocks: BlockReader,
    private left: number,
  ) {}

  next(): number {
    let digits = '';
    for (;;) {
      const char = this.#byte();
      if (char === 0x0a) return parseDecimal(digits);
      if (digits.length > 20) throw new BadTar('a sparse map holds a malformed number');
      digits += String.fromCharCode(char);
    }
  }

  #byte(): number {
    if (this.#at === blockBytes) {
      if (this.left < blockBytes || this.blocks.readBlock() < blockBytes)
        throw new BadTar('a sparse map is cut off');
      this.left -= blockBytes;
      this.#at = 0;
    }
    return this.blocks.block[this.blocks.blockAt + this.#at++]!;
  }
}
