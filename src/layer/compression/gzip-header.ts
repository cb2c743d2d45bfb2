import { crc32 } from 'node:zlib';

/** The first bytes of a member; RFC 1952, section 2.3. */
const magic = [0x1f, 0x8b, 0x08];

const hcrcFlag = 2;
const extraFlag = 4;
const nameFlag = 8;
const commentFlag = 16;
const reservedFlags = 0xe0;

/** True if `data` begins like a gzip member. It may be shorter than the magic bytes. */
export function beginsMember(data: Uint8Array): boolean {
  return magic.every((byte, i) => i >= data.length || data[i] === byte);
}

/**
 * Returns the length of the gzip header at the start of `data`.
 *
 * @returns bytes; 'short' if the header is incomplete; 'bad' if it is malformed
 */
export function gzipHeaderLength(data: Uint8Array): number | 'short' | 'bad' {
  if (!beginsMember(data)) return 'bad';
  if (data.length < 10) return 'short';
  const flags = data[3]!;
  if (flags & reservedFlags) return 'bad';
  let at = 10;
  if (flags & extraFlag) {
    if (data.length < at + 2) return 'short';
    at += 2 + data[at]! + 256 * data[at + 1]!;
  }
  for (const flag of [nameFlag, commentFlag]) {
    if (!(flags & flag)) continue;
    const nul = data.indexOf(0, at);
    if (nul < 0) return 'short';
    at = nul + 1;
  }
  const end = flags & hcrcFlag ? at + 2 : at;
  if (data.length < end) return 'short';
  return end === at || isCrcOf(data.subarray(0, at), data.subarray(at, end)) ? end : 'bad';
}

/** True if these are the two least significant bytes of the header's CRC. */
function isCrcOf(header: Uint8Array, bytes: Uint8Array): boolean {
  return (crc32(header) & 0xffff) === bytes[0]! + 256 * bytes[1]!;
}
