import { type ByteString, fromText } from '../system/bytes.js';
import { AT_FDCWD } from '../system/files.js';
import { isWithin } from '../system/paths.js';
import { StatBuffer, statAt } from '../system/stat.js';
import { inTurns, type Steps } from '../system/steps.js';
import { hasSameContent, hasSameMetadata } from './same-file.js';
import type { Change } from './types.js';
import {
  comparePaths,
  HardlinkGroups,
  type StatTable,
  statTreeSteps,
  statWord,
  statWords,
} from './walk/index.js';

export interface CompareOptions {
  /**
   * When `upper` was complete as a clone of `lower`, in nanoseconds since the epoch, by the clock of its file system (the mtime of a file
   * written there after the clone): files whose ctime is older, and whose stat is the same, are not read. Default: all are compared.
   */
  since?: bigint | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Lists how a directory tree differs from another one, as repack needs it: type, mode, owner, mtime in whole seconds, size, device
 * numbers, link target, extended attributes, names of hardlinks, and content. Content is read only of files whose stat is the same.
 *
 * @param lower path of the tree before, which does not change meanwhile
 * @param upper path of the tree now
 * @returns changes in the order of a walk
 * @throws LayerhookError ABORTED, LIMIT_EXCEEDED, SYSTEM
 */
export function compareTrees(lower: string, upper: string, options: CompareOptions = {}): Promise<Change[]> {
  return inTurns(compareSteps(lower, upper, options), options.signal);
}

function* compareSteps(lower: string, upper: string, { since }: CompareOptions): Steps<Change[]> {
  const before = yield* statTreeSteps(lower);
  const now = yield* statTreeSteps(upper);
  const roots = [fromText(lower), fromText(upper)] as const;
  const groups = new HardlinkGroups(before, now);
  const isOld = oldRows(now, since);
  const changes: Change[] = [];
  for (let o = 0, n = 0; o < before.paths.length || n < now.paths.length; ) {
    const [old, path] = [before.paths[o], now.paths[n]];
    const order = old === undefined ? 1 : path === undefined ? -1 : comparePaths(old, path);
    if (order < 0) changes.push({ path: old!, kind: 'delete' });
    else if (order > 0) changes.push({ path: path!, kind: 'add' });
    else if (!(isOld(n) && haveSameRows(before, o, now, n))) {
      if (groups.differ(o, n) || !(yield* isSame(roots, path!)))
        changes.push({ path: path!, kind: 'modify' });
    }
    if (order <= 0) o++;
    if (order >= 0) n++;
  }
  return changes;
}

/**
 * Returns a function that is true for rows that cannot have changed since a time. It must be called in the order of rows. A rename gives only
 * the renamed directory a new ctime, so nothing below a directory with a new ctime counts as old, except below the root.
 */
function oldRows({ paths, words }: StatTable, since: bigint | undefined): (row: number) => boolean {
  if (since === undefined) return () => false;
  let changed: ByteString | undefined;
  return (row) => {
    const path = paths[row]!;
    if (changed !== undefined && isWithin(path, changed)) return false;
    if (ctimeOf(words, row) < since) return true;
    if (path !== '.') changed = path;
    return false;
  };
}

function ctimeOf(words: Uint32Array, row: number): bigint {
  const at = row * statWords + statWord.ctimeSec;
  const seconds = BigInt.asIntN(64, (BigInt(words[at + 1]!) << 32n) | BigInt(words[at]!));
  return seconds * 1_000_000_000n + BigInt(words[row * statWords + statWord.ctimeNsec]!);
}

const { mode, uid, gid, size, mtimeSec, rdevMajor, rdevMinor } = statWord;
const rowWords = [mode, uid, gid, mtimeSec, mtimeSec + 1, rdevMajor, rdevMinor];
const typeBits = 0o170000;
const directory = 0o040000;

/** True if two files have the same stat, as far as layers hold it. It finds most changes that a clock set back would hide. */
function haveSameRows(before: StatTable, o: number, now: StatTable, n: number): boolean {
  const [x, y] = [o * statWords, n * statWords];
  const isDirectory = (now.words[y + mode]! & typeBits) === directory;
  const words = isDirectory ? rowWords : [...rowWords, size, size + 1];
  return words.every((word) => before.words[x + word] === now.words[y + word]);
}

/** True if a layer would hold the same for both files. */
function* isSame(roots: readonly [ByteString, ByteString], path: ByteString): Steps<boolean> {
  const [a, b] = [fileAt(roots[1], path), fileAt(roots[0], path)];
  if (a === null || b === null) return false;
  if (!hasSameMetadata(a, b, { format: null, packed: false })) return false;
  return !a.stat.isFile || (yield* hasSameContent(a, b));
}

function fileAt(root: ByteString, path: ByteString) {
  const stat = new StatBuffer();
  const name = path === '.' ? root : `${root}/${path}`;
  return statAt(AT_FDCWD, name, stat) ? { dirfd: AT_FDCWD, name, stat } : null;
}
