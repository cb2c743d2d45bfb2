import { LayerhookError } from '../errors/index.js';
import { nextData, nextHole } from '../system/files.js';
import type { StatBuffer } from '../system/stat.js';

/**
 * Bytes of holes that are read as zeros unless the caller says otherwise: SHA-256 takes 40 s for them. A sparse file costs
 * its maker nothing, whatever its size: a layer of 2 kB, or truncate(1) in a container.
 */
export const MAX_HOLES = 64 * 2 ** 30;

/** How many bytes of holes one operation hashes, or writes out as zeros. Threads may share it. */
export interface HoleBudget {
  limit: number;
  /** what to do if that is too little: ends a sentence after "over the limit of 10 bytes," */
  advice: string;
  /** one BigInt64 */
  taken: SharedArrayBuffer;
}

/** @param limit bytes */
export function holeBudget(limit: number = MAX_HOLES, advice = 'which --max-holes raises'): HoleBudget {
  return { limit, advice, taken: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT) };
}

/**
 * Counts holes that are about to be hashed or written out.
 *
 * @param file that has them, for the error
 * @throws LayerhookError LIMIT_EXCEEDED
 */
export function takeHoles({ limit, advice, taken }: HoleBudget, bytes: number, file: string): void {
  if (bytes <= 0) return;
  const total = Number(Atomics.add(new BigInt64Array(taken), 0, BigInt(bytes))) + bytes;
  if (total <= limit) return;
  const files = total > bytes ? `all files up to ${file}` : file;
  const what = `size of the holes in ${files} (${total} bytes)`;
  throw new LayerhookError('LIMIT_EXCEEDED', { what, limit: `${limit} bytes, ${advice}` });
}

/**
 * Bytes of an open file that are holes. What is allocated tells, unless that is more than `enough`: file systems that compress,
 * and some network file systems, allocate less than there is, and then the file is asked where its data are.
 */
export function holesOf(fd: number, stat: StatBuffer, enough: number): number {
  const guess = stat.size - stat.blocks * 512;
  if (guess <= enough) return Math.max(0, guess);
  let holes = 0;
  let at = 0;
  while (at < stat.size && holes <= enough) {
    const data = nextData(fd, at) ?? stat.size;
    holes += Math.min(data, stat.size) - at;
    at = data < stat.size ? nextHole(fd, data) : stat.size;
  }
  return holes;
}
