import type { ByteString } from '../../system/bytes.js';
import { BLOCK } from './blocks.js';
import { parseField, parseOctal } from './numbers.js';

/** The format variant of a header block. POSIX pax entries have ustar headers, with PAX records before them. */
export type HeaderFormat = 'v7' | 'ustar' | 'star' | 'gnu';

/** The fields of a header block, unchecked. Numbers may be NaN (malformed), negative or infinite (base-256). */
export interface TarHeader {
  format: HeaderFormat;
  /** the byte of the type field */
  typeflag: number;
  name: ByteString;
  linkname: ByteString;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  uname: ByteString;
  gname: ByteString;
  devMajor: number;
  devMinor: number;
}

/** Offsets of the fields; POSIX.1-2017 pax, "ustar Interchange Format", and tar(5) for GNU and star. */
const NAME = 0;
const MODE = 100;
const UID = 108;
const GID = 116;
const SIZE = 124;
const MTIME = 136;
const CHECKSUM = 148;
const TYPEFLAG = 156;
const LINKNAME = 157;
const MAGIC = 257;
const UNAME = 265;
const GNAME = 297;
const DEV_MAJOR = 329;
const DEV_MINOR = 337;
const PREFIX = 345;
const GNU_CTIME = 357;
const STAR_TRAILER = 508;

const CHAR_DEVICE = 0x33;
const BLOCK_DEVICE = 0x34;

/** Returns the sum of all bytes of the block, which is 0 only for a block of zeros. */
export function sumBlock(block: Buffer, at: number): number {
  let sum = 0;
  for (let i = at; i < at + BLOCK; i += 4) sum += block[i]! + block[i + 1]! + block[i + 2]! + block[i + 3]!;
  return sum;
}

/** True if the header's checksum is right, over unsigned bytes, or over signed bytes as in some old tars. */
export function checksumMatches(block: Buffer, at: number, sum: number): boolean {
  const expected = parseOctal(block, at + CHECKSUM, 8);
  let unsigned = sum + 8 * 0x20;
  for (let i = at + CHECKSUM; i < at + CHECKSUM + 8; i++) unsigned -= block[i]!;
  return unsigned === expected || unsigned - 256 * countHighBytes(block, at) === expected;
}

/** Reads a header with a correct checksum into `header`, an object that is reused for every entry. */
export function readHeader(block: Buffer, at: number, header: TarHeader): void {
  const format = detectFormat(block, at);
  header.format = format;
  header.typeflag = block[at + TYPEFLAG]!;
  header.name = readName(block, at, format);
  header.linkname = readString(block, at + LINKNAME, 100);
  header.mode = parseField(block, at + MODE, 8);
  header.uid = parseField(block, at + UID, 8);
  header.gid = parseField(block, at + GID, 8);
  header.size = parseField(block, at + SIZE, 12);
  header.mtime = parseField(block, at + MTIME, 12);
  header.uname = format === 'v7' ? '' : readAgain(block, at + UNAME, 32, header.uname);
  header.gname = format === 'v7' ? '' : readAgain(block, at + GNAME, 32, header.gname);
  const device = header.typeflag === CHAR_DEVICE || header.typeflag === BLOCK_DEVICE;
  header.devMajor = device && format !== 'v7' ? parseField(block, at + DEV_MAJOR, 8) : 0;
  header.devMinor = device && format !== 'v7' ? parseField(block, at + DEV_MINOR, 8) : 0;
}

export function emptyHeader(): TarHeader {
  return {
    format: 'v7',
    typeflag: 0,
    name: '',
    linkname: '',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    uname: '',
    gname: '',
    devMajor: 0,
    devMinor: 0,
  };
}

function countHighBytes(block: Buffer, at: number): number {
  let count = 0;
  for (let i = at; i < at + BLOCK; i++) {
    if (block[i]! >= 0x80 && (i < at + CHECKSUM || i >= at + CHECKSUM + 8)) count++;
  }
  return count;
}

/** Detects the format: `ustar\0` is POSIX (or star, by its trailer), `ustar  \0` is GNU, everything else is V7. */
function detectFormat(block: Buffer, at: number): HeaderFormat {
  const magic = block.readUInt32BE(at + MAGIC);
  if (magic !== 0x75737461 || block[at + MAGIC + 4] !== 0x72) return 'v7';
  const version = block[at + MAGIC + 5];
  if (version === 0) return block.readUInt32BE(at + STAR_TRAILER) === 0x74617200 ? 'star' : 'ustar';
  return version === 0x20 && block.readUInt16BE(at + MAGIC + 6) === 0x2000 ? 'gnu' : 'v7';
}

function readName(block: Buffer, at: number, format: HeaderFormat): ByteString {
  const name = readString(block, at + NAME, 100);
  if (format === 'v7' || block[at + PREFIX] === 0) return name;
  if (format === 'gnu' && !isMisplacedPrefix(block, at)) return name;
  return `${readString(block, at + PREFIX, format === 'star' ? 131 : 155)}/${name}`;
}

/**
 * True if a GNU header has a name prefix in the place of atime and ctime. Go before 1.8 wrote such headers, and layers
 * with them still exist. Fields that are ASCII but not times are read as a prefix, as current Go does.
 */
function isMisplacedPrefix(block: Buffer, at: number): boolean {
  const times = [PREFIX, GNU_CTIME].map((field) =>
    block[at + field] === 0 ? 0 : parseField(block, at + field, 12),
  );
  if (!times.some(Number.isNaN)) return false;
  return !/[^\0-\x7f]/.test(readString(block, at + PREFIX, 155));
}

/** Reads the bytes up to the first NUL. */
function readString(block: Buffer, at: number, max: number): ByteString {
  let end = at;
  const limit = at + max;
  while (end < limit && block[end] !== 0) end++;
  return end === at ? '' : block.toString('latin1', at, end);
}

/** Reads as readString does; faster for a field that nearly always equals that of the previous entry. */
function readAgain(block: Buffer, at: number, max: number, before: ByteString): ByteString {
  const length = before.length;
  for (let i = 0; i < length; i++)
    if (block[at + i] !== before.charCodeAt(i)) return readString(block, at, max);
  return length === max || block[at + length] === 0 ? before : readString(block, at, max);
}
