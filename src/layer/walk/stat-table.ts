import type { ByteString } from '../../system/bytes.js';
import type { StatBuffer } from '../../system/stat.js';
import { atOnce, type Steps } from '../../system/steps.js';
import { walkSteps } from './walk.js';

/**
 * The stat of all files of a tree in the order of a walk, in a compact form that compares fast.
 *
 * The row of file `paths[row]` has `statWords` 32-bit words, which begin at `words[row * statWords]`.
 */
export interface StatTable {
  paths: ByteString[];
  words: Uint32Array;
}

/** Index of each field in a row. A field of two words has the low half first. */
export const statWord = {
  nlink: 0,
  uid: 1,
  gid: 2,
  /** with the type bits */
  mode: 3,
  ino: 4,
  size: 6,
  ctimeSec: 8,
  ctimeNsec: 10,
  mtimeSec: 11,
  mtimeNsec: 13,
  rdevMajor: 14,
  rdevMinor: 15,
  devMajor: 16,
  devMinor: 17,
} as const;

/** Words in a row of a StatTable. */
export const statWords = 18;

/** Generous, because unused memory is never touched while growing a table costs time. */
const initialRows = 16_384;

/** Word ranges (first, end) of these fields in the kernel's struct statx; statx(2). */
const kernelRanges = [
  [4, 12],
  [24, 27],
  [28, 31],
  [32, 36],
] as const;

/**
 * Walks a tree and records the stat of each file, in the order of `walk`.
 *
 * @throws LayerhookError SYSTEM, LIMIT_EXCEEDED
 */
export function statTree(root: string): StatTable {
  return atOnce(statTreeSteps(root));
}

/** Does the same as {@link statTree} in steps: see inTurns. */
export function* statTreeSteps(root: string): Steps<StatTable> {
  const table = new TableBuilder();
  yield* walkSteps(root, (path, stat) => {
    table.add(path, stat);
  });
  return table.finish();
}

/** A table that grows. */
export class TableBuilder {
  readonly #paths: ByteString[] = [];
  #words = new Uint32Array(initialRows * statWords);
  #end = 0;

  add(path: ByteString, stat: StatBuffer): void {
    if (this.#end === this.#words.length) this.#words = grown(this.#words);
    copyStat(stat, this.#words, this.#end);
    this.#end += statWords;
    this.#paths.push(path);
  }

  /** True if the last added row equals a row of another table. */
  lastIs(words: Uint32Array, row: number): boolean {
    const last = this.#end - statWords;
    for (let i = 0; i < statWords; i++)
      if (this.#words[last + i] !== words[row * statWords + i]) return false;
    return true;
  }

  finish(): StatTable {
    return { paths: this.#paths, words: this.#words.subarray(0, this.#end) };
  }
}

/** Copies the fields of a row from `stat` to `words` at `offset`. */
export function copyStat(stat: StatBuffer, words: Uint32Array, offset: number): void {
  const { words: from } = stat;
  let at = offset;
  for (const [first, end] of kernelRanges) for (let i = first; i < end; i++) words[at++] = from[i]!;
  // the kernel leaves the upper half of the mode's word undefined
  words[offset + statWord.mode]! &= 0xffff;
}

/**
 * Compares paths by their order in a walk. Returns -1, 0 or 1.
 */
export function comparePaths(a: ByteString, b: ByteString): number {
  if (a === b) return 0;
  if (a === '.') return -1;
  if (b === '.') return 1;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    if (x === slash) return -1;
    if (y === slash) return 1;
    return x < y ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

const slash = '/'.charCodeAt(0);

function grown(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(words.length * 2);
  larger.set(words);
  return larger;
}
