import { type ByteString, toBuffer } from '../system/bytes.js';

/** One record of a PAX extended header. The value may hold any bytes. */
export interface PaxRecord {
  key: ByteString;
  value: ByteString | Buffer;
}

const block = 512;
const commentOverhead = ' comment=\n'.length;

/**
 * Encodes the body of a PAX extended header, filled up to whole 512-byte blocks.
 *
 * A `comment` record, which every reader ignores, does the filling; other writers put zeros after the body instead.
 * Those are impossible here, because tar-stream writes the padding together with the header. POSIX pax, "pax Extended
 * Header".
 */
export function encodePax(records: PaxRecord[]): Buffer {
  const parts = records.map(encodeRecord);
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const rest = (block - (size % block)) % block;
  if (rest > 0) parts.push(comment(rest));
  return Buffer.concat(parts);
}

/** Creates a comment record of exactly `size` bytes, or one block more if it does not fit. */
function comment(size: number): Buffer {
  for (let length = size; ; length += block) {
    const filling = length - commentOverhead - String(length).length;
    if (filling >= 0) return Buffer.from(`${length} comment=${' '.repeat(filling)}\n`);
  }
}

function encodeRecord({ key, value }: PaxRecord): Buffer {
  const bytes = typeof value === 'string' ? toBuffer(value) : value;
  const rest = key.length + bytes.length + ' =\n'.length;
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return Buffer.concat([toBuffer(`${length} ${key}=`), bytes, Buffer.from('\n')]);
}
