import { counted } from '../errors/counted.js';
import { LayerhookError } from '../errors/index.js';
import { nextData, nextHole } from '../system/files.js';
import { type StatBuffer, statBlockBytes } from '../system/stat.js';

/**
 * Default limit on the bytes of holes that are read as zeros; hashing them with SHA-256 takes 40 s. Sparse files of any
 * size cost an attacker nothing: a layer of 2 kB, or truncate(1) in a container.
 */
const defaultMaxHoles = 64 * 2 ** 30;

/** Limits how many bytes of holes one operation hashes or writes as zeros. Threads may share it. */
export interface HoleBudget {
  limit: number;
  /** how to raise the limit: the end of a sentence that begins with "over the limit of 10 bytes," */
  advice: string;
  /** one BigInt64 */
  taken: SharedArrayBuffer;
}

/** @param limit bytes */
export function holeBudget(limit: number = defaultMaxHoles, advice = 'which --max-holes raises'): HoleBudget {
  return { limit, advice, taken: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT) };
}

/**
 * Counts holes before they are hashed or written as zeros.
 *
 * @param file name of the file with the holes, for the error
 * @throws LayerhookError LIMIT_EXCEEDED
 */
export function takeHoles({ limit, advice, taken }: HoleBudget, bytes: number, file: string): void {
  if (bytes <= 0) return;
  const total = Number(Atomics.add(new BigInt64Array(taken), 0, BigInt(bytes))) + bytes;
  if (total <= limit) return;
  const files = total > bytes ? `all files up to ${file}` : file;
  const what = `size of the holes in ${files} (${counted(total, 'bytes')})`;
  throw new LayerhookError('LIMIT_EXCEEDED', { what, limit: `${counted(limit, 'bytes')}, ${advice}` });
}

/**
 * Returns the bytes of holes in an open file. The allocated size gives an estimate, which suffices up to `enough`. Above
 * it, the file's data ranges are read, because filesystems with compression and some network filesystems allocate less
 * than the data.
 */
export function holesOf(fd: number, stat: StatBuffer, enough: number): number {
  const guess = stat.size - stat.blocks * statBlockBytes;
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
