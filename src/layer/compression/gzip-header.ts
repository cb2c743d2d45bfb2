/** The first bytes of a member; RFC 1952, section 2.3. */
const MAGIC = [0x1f, 0x8b, 0x08];

const HCRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
const RESERVED = 0xe0;

/** True if `data` begins like a gzip member. It may be shorter than the magic bytes. */
export function beginsMember(data: Uint8Array): boolean {
  return MAGIC.every((byte, i) => i >= data.length || data[i] === byte);
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
  if (flags & RESERVED) return 'bad';
  let at = 10;
  if (flags & EXTRA) {
    if (data.length < at + 2) return 'short';
    at += 2 + data[at]! + 256 * data[at + 1]!;
  }
  for (const flag of [NAME, COMMENT]) {
    if (!(flags & flag)) continue;
    const nul = data.indexOf(0, at);
    if (nul < 0) return 'short';
    at = nul + 1;
  }
  if (flags & HCRC) at += 2;
  return at <= data.length ? at : 'short';
}
