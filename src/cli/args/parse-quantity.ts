import { usageError } from './usage.js';

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Reads a number of bytes: `1500`, `10GB` (decimal), `1.5GiB` (binary).
 *
 * @param flag name of the option, for the error
 * @throws LayerhookError USAGE
 */
export function parseBytes(text: string, flag: string, command: string): number {
  const bytes = amountIn(text, byteUnits);
  if (bytes !== undefined) return Math.round(bytes);
  throw usageError(`invalid size ${flag} ${text}; write 500MB, 10GB or 1.5GiB`, command);
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

function amountIn(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text) ?? [];
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined;
  return factor === undefined ? undefined : Number(number) * factor;
}
