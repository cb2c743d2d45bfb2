import type { ByteString } from '../system/bytes.js';
import { blockBytes } from './blocks.js';
import { parseField, parseOctal } from './numbers.js';

/** The format variant of a header block. POSIX pax entries have ustar headers, with PAX records before them. */
type HeaderFormat = 'v7' | 'ustar' | 'star' | 'gnu';

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
const nameAt = 0;
const modeAt = 100;
const uidAt = 108;
const gidAt = 116;
const sizeAt = 124;
const mtimeAt = 136;
const checksumAt = 148;
export const typeflagAt = 156;
const linknameAt = 157;
const magicAt = 257;
const unameAt = 265;
const gnameAt = 297;
const devMajorAt = 329;
const devMinorAt = 337;
const prefixAt = 345;
const gnuCtimeAt = 357;
const starTrailerAt = 508;

const charFlag = 0x33;
const blockFlag = 0x34;

/** Returns the sum of all bytes of the block, which is 0 only for a block of zeros. */
export function sumBlock(block: Buffer, at: number): number {
  let sum = 0;
  for (let i = at; i < at + blockBytes; i += 4)
    sum += block[i]! + block[i + 1]! + block[i + 2]! + block[i + 3]!;
  return sum;
}

/** True if the header's checksum is right, over unsigned bytes, or over signed bytes as in some old tars. */
export function checksumMatches(block: Buffer, at: number, sum: number): boolean {
  const expected = parseOctal(block, at + checksumAt, 8);
  let unsigned = sum + 8 * 0x20;
  for (let i = at + checksumAt; i < at + checksumAt + 8; i++) unsigned -= block[i]!;
  return unsigned === expected || unsigned - 256 * countHighBytes(block, at) === expected;
}

/** Reads a header with a correct checksum. */
export function readHeader(block: Buffer, at: number): TarHeader {
  const format = detectFormat(block, at);
  const typeflag = block[at + typeflagAt]!;
  const hasNames = format !== 'v7';
  const hasDevice = hasNames && (typeflag === charFlag || typeflag === blockFlag);
  return {
    format,
    typeflag,
    name: readName(block, at, format),
    linkname: readString(block, at + linknameAt, 100),
    mode: parseField(block, at + modeAt, 8),
    uid: parseField(block, at + uidAt, 8),
    gid: parseField(block, at + gidAt, 8),
    size: parseField(block, at + sizeAt, 12),
    mtime: parseField(block, at + mtimeAt, 12),
    uname: hasNames ? readString(block, at + unameAt, 32) : '',
    gname: hasNames ? readString(block, at + gnameAt, 32) : '',
    devMajor: hasDevice ? parseField(block, at + devMajorAt, 8) : 0,
    devMinor: hasDevice ? parseField(block, at + devMinorAt, 8) : 0,
  };
}

function countHighBytes(block: Buffer, at: number): number {
  let count = 0;
  for (let i = at; i < at + blockBytes; i++) {
    if (block[i]! >= 0x80 && (i < at + checksumAt || i >= at + checksumAt + 8)) count++;
  }
  return count;
}

/** Detects the format: `ustar\0` is POSIX (or star, by its trailer), `ustar  \0` is GNU, everything else is V7. */
function detectFormat(block: Buffer, at: number): HeaderFormat {
  const magic = block.readUInt32BE(at + magicAt);
  if (magic !== 0x75737461 || block[at + magicAt + 4] !== 0x72) return 'v7';
  const version = block[at + magicAt + 5];
  if (version === 0) return block.readUInt32BE(at + starTrailerAt) === 0x74617200 ? 'star' : 'ustar';
  return version === 0x20 && block.readUInt16BE(at + magicAt + 6) === 0x2000 ? 'gnu' : 'v7';
}

function readName(block: Buffer, at: number, format: HeaderFormat): ByteString {
  const name = readString(block, at + nameAt, 100);
  if (format === 'v7' || block[at + prefixAt] === 0) return name;
  if (format === 'gnu' && !isMisplacedPrefix(block, at)) return name;
  return `${readString(block, at + prefixAt, format === 'star' ? 131 : 155)}/${name}`;
}

/**
 * True if a GNU header has a name prefix in the place of atime and ctime. Go before 1.8 wrote such headers, and layers
 * with them still exist. Fields that are ASCII but not times are read as a prefix, as current Go does.
 */
function isMisplacedPrefix(block: Buffer, at: number): boolean {
  const times = [prefixAt, gnuCtimeAt].map((field) =>
    block[at + field] === 0 ? 0 : parseField(block, at + field, 12),
  );
  if (!times.some(Number.isNaN)) return false;
  return !/[^\0-\x7f]/.test(readString(block, at + prefixAt, 155));
}

/** Reads the bytes up to the first NUL. */
function readString(block: Buffer, at: number, max: number): ByteString {
  let end = at;
  const limit = at + max;
  while (end < limit && block[end] !== 0) end++;
  return end === at ? '' : block.toString('latin1', at, end);
}
