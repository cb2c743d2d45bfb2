import { type BigIntStats, lstatSync, utimesSync } from 'node:fs';

/**
 * Changes a file or directory and puts back its times, as careful tools do.
 *
 * A Date is rounded to milliseconds, and the rounding can reach the next second. Whole microseconds stay within theirs.
 */
export function keepTimes(path: string, change: () => void): void {
  const before = lstatSync(path, { bigint: true });
  change();
  utimesSync(path, ...seconds(before));
}

function seconds({ atimeNs, mtimeNs }: BigIntStats): [number, number] {
  return [Number(atimeNs / 1000n) / 1e6, Number(mtimeNs / 1000n) / 1e6];
}
