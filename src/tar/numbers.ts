/**
 * Numbers of a tar header, parsed byte by byte for speed: this runs a dozen times per entry.
 *
 * The parsers return NaN for a malformed number, so that the caller can name the field in its error.
 */

const space = 0x20;
const minus = 0x2d;
const zero = 0x30;

/**
 * Parses a numeric field of a header: octal digits, or GNU's base-256 two's complement if the first byte's top bit is set.
 *
 * @returns the number; ±Infinity if a double cannot hold it exactly
 */
export function parseField(buffer: Buffer, at: number, length: number): number {
  return buffer[at]! & 0x80 ? parseBase256(buffer, at, length) : parseOctal(buffer, at, length);
}

/** Parses octal digits, padded by spaces and NULs on both sides; ignores bytes after a NUL. An empty field is 0. */
export function parseOctal(buffer: Buffer, at: number, length: number): number {
  const end = at + length;
  let i = at;
  while (i < end && (buffer[i] === space || buffer[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = buffer[i]! - zero;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  while (i < end && buffer[i] === space) i++;
  return i === end || buffer[i] === 0 ? value : Number.NaN;
}

/** Parses the decimal number of a PAX record: digits only, with a leading minus if negative. */
export function parseDecimal(text: string): number {
  const start = text.charCodeAt(0) === minus ? 1 : 0;
  if (text.length === start) return Number.NaN;
  let value = 0;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - zero;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  if (!Number.isSafeInteger(value)) value = Number.POSITIVE_INFINITY;
  return start === 1 ? 0 - value : value;
}

/**
 * Parses a PAX time: seconds with an optional fraction, maybe negative. Digits after the nanoseconds are cut off (towards
 * zero), never rounded.
 */
export function parseTime(text: string): { sec: number; nsec: number } | undefined {
  const dot = text.indexOf('.');
  const whole = parseDecimal(dot < 0 ? text : text.slice(0, dot));
  const fraction = dot < 0 ? 0 : parseFraction(text, dot + 1);
  if (!Number.isSafeInteger(whole) || fraction < 0) return undefined;
  if (text.charCodeAt(0) !== minus || fraction === 0) return { sec: whole + 0, nsec: fraction };
  return { sec: whole - 1, nsec: 1e9 - fraction };
}

function parseFraction(text: string, at: number): number {
  let value = 0;
  for (let i = at; i < text.length; i++) {
    const digit = text.charCodeAt(i) - zero;
    if (digit < 0 || digit > 9) return -1;
    if (i - at < 9) value = value * 10 + digit;
  }
  return value * 10 ** Math.max(0, 9 - (text.length - at));
}

function parseBase256(buffer: Buffer, at: number, length: number): number {
  const negative = (buffer[at]! & 0x40) !== 0;
  const flip = negative ? 0xff : 0;
  let value = (buffer[at]! ^ flip) & 0x3f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + (buffer[i]! ^ flip);
  if (negative) value = -value - 1;
  if (Number.isSafeInteger(value)) return value;
  return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
