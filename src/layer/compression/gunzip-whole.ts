import { crc32, type InflateRaw, inflateRawSync } from 'node:zlib';
import { gzipHeaderLength } from './gzip-header.js';

/** Bytes of the CRC and length at the end; RFC 1952, section 2.3.1. */
const TRAILER = 8;

/**
 * Decompresses a gzip file with a single member in one call. For small files this takes a fraction of a stream's time.
 *
 * @param limit largest size of the result in bytes
 * @returns null if the file has several members, is larger, has data after its end, or is corrupt
 */
export function gunzipWhole(data: Buffer, limit: number): Buffer | null {
  const header = gzipHeaderLength(data);
  if (typeof header === 'string' || data.length < header + TRAILER) return null;
  const trailer = data.length - TRAILER;
  const length = data.readUInt32LE(trailer + 4);
  if (length > limit) return null;
  const whole = inflate(data.subarray(header), length);
  if (whole === null || header + whole.taken !== trailer || whole.content.length !== length) return null;
  return crc32(whole.content) === data.readUInt32LE(trailer) ? whole.content : null;
}

function inflate(data: Buffer, length: number): { content: Buffer; taken: number } | null {
  // with room for one more byte, zlib finds the end in the same call
  const options = { info: true, maxOutputLength: length + 1, chunkSize: Math.max(length + 1, 64) };
  try {
    const { buffer, engine } = inflateRawSync(data, options) as unknown as {
      buffer: Buffer;
      engine: InflateRaw;
    };
    return { content: buffer, taken: engine.bytesWritten };
  } catch {
    // the stream will report what is wrong
    return null;
  }
}
