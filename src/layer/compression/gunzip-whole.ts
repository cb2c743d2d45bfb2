import { crc32, type InflateRaw, inflateRawSync } from 'node:zlib';
import type { RawInflate } from '../../system/isal.js';
import { sharedInflate } from '../../system/isal-shared.js';
import { gzipHeaderLength } from './gzip-header.js';

interface GunzipOptions {
  isal?: RawInflate | null;
  allocate?: (bytes: number) => Buffer;
}

/** Bytes of the CRC and length at the end; RFC 1952, section 2.3.1. */
const trailerBytes = 8;

/**
 * Decompresses a gzip file with a single member in one call, by libisal2 if it is installed. For small files this takes a
 * fraction of a stream's time.
 *
 * @param limit largest size of the result in bytes
 * @param options `isal`: libisal2; null: node:zlib decompresses. `allocate`: returns memory for the result, where libisal2 decompresses
 * @returns null if the file has several members, is larger, has data after its end, or is corrupt
 */
export function gunzipWhole(
  data: Buffer,
  limit: number,
  { isal = sharedInflate(), allocate = Buffer.allocUnsafeSlow }: GunzipOptions = {},
): Buffer | null {
  const header = gzipHeaderLength(data);
  if (typeof header === 'string' || data.length < header + trailerBytes) return null;
  const trailer = data.length - trailerBytes;
  const length = data.readUInt32LE(trailer + 4);
  if (length > limit) return null;
  const packed = data.subarray(header);
  const content = isal ? inflateByIsal(isal, packed, allocate(length + 1)) : inflate(packed, length);
  if (content === null || content.length !== length) return null;
  return crc32(content) === data.readUInt32LE(trailer) ? content : null;
}

/**
 * @param output has room for one more byte, so that libisal finds the end in the same call
 * @returns null if the stream is malformed, larger, or does not end where the trailer begins
 */
function inflateByIsal(isal: RawInflate, packed: Buffer, output: Buffer): Buffer | null {
  isal.reset();
  try {
    const { produced, rest, ended } = isal.step(packed, output);
    return ended && rest.length === trailerBytes ? output.subarray(0, produced) : null;
  } catch {
    // the stream will report what is wrong
    return null;
  }
}

/** Does the same as {@link inflateByIsal}. */
function inflate(packed: Buffer, length: number): Buffer | null {
  // as for libisal
  const options = { info: true, maxOutputLength: length + 1, chunkSize: Math.max(length + 1, 64) };
  try {
    const { buffer, engine } = inflateRawSync(packed, options) as unknown as {
      buffer: Buffer;
      engine: InflateRaw;
    };
    return engine.bytesWritten === packed.length - trailerBytes ? buffer : null;
  } catch {
    return null;
  }
}
