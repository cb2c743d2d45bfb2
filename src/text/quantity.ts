import { type LimitName, limitTable } from '../errors/index.js';

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

/** Returns the bytes of a text such as `1500`, `10GB` (decimal), `1.5GiB` (binary); undefined if it is malformed. */
export function bytesIn(text: string): number | undefined {
  const bytes = amountIn(text, byteUnits);
  return bytes === undefined ? undefined : Math.round(bytes);
}

/** Returns the value of a limit: bytes as {@link bytesIn} reads them, or a whole number; undefined if it is malformed. */
export function limitIn(name: LimitName, text: string): number | undefined {
  if (limitTable[name].unit === 'bytes') return bytesIn(text);
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** @param units factors by the name of a unit */
export function amountIn(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text) ?? [];
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined;
  return factor === undefined ? undefined : Number(number) * factor;
}
