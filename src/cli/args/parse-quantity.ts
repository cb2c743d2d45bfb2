import { amountIn, bytesIn } from '../../text/quantity.js';
import { usageError } from './usage.js';

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Reads a number of bytes: `1500`, `10GB` (decimal), `1.5GiB` (binary).
 *
 * @param flag name of the option, for the error
 * @throws LayerhookError USAGE
 */
export function parseBytes(text: string, flag: string, command: string): number {
  const bytes = bytesIn(text);
  if (bytes !== undefined) return bytes;
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([kmgt])(?:i?b)?$/i.exec(text) ?? [];
  const meant = unit && `${number}${unit.toUpperCase()}`;
  const expected = meant ? `${meant}B (decimal) or ${meant}iB (binary)` : '500MB, 10GB or 1.5GiB';
  throw usageError(`invalid size ${flag} ${text}; write ${expected}`, command);
}

/**
 * Reads a time span: `90s`, `30m`, `12h`, `7d`, `2w`.
 *
 * @returns ms
 * @throws LayerhookError USAGE
 */
export function parseDuration(text: string, flag: string, command: string): number {
  const seconds = amountIn(text, secondsOf);
  if (seconds !== undefined) return Math.round(seconds * 1000);
  throw usageError(`invalid time span ${flag} ${text}; write 90s, 30m, 12h, 7d or 2w`, command);
}
