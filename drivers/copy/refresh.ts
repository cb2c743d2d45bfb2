import { type ByteString, type Change, comparePaths, type StatTable, statWord, statWords } from 'layerhook';
import { S } from 'layerhook/system';
import { compareStats } from './compare.js';
import type { StatIndex } from './stat-index.js';

/**
 * Returns the stat table that matches the new image: the current rows, but the old rows of changes that were not packed
 * (masked paths), so that the next repack finds these changes again.
 *
 * @param exposed suspect files whose content or attributes had changed
 */
export function mergePacked(
  index: StatIndex,
  now: StatTable,
  packed: readonly Change[],
  exposed: ReadonlySet<ByteString>,
): StatTable {
  const changes = new Map(packed.map(({ path, kind }) => [path, kind]));
  const directories = new Set<ByteString>();
  now.paths.forEach((path, row) => {
    if ((now.words[row * statWords + statWord.mode]! & S.IFMT) === S.IFDIR) directories.add(path);
  });
  const dropped = new Set<number>();
  const kept = new Map<number, number>();
  const revived: number[] = [];
  compareStats(index, now, (finding, path, oldRow, newRow) => {
    if (isPacked(path) || (finding === 'suspect' && !exposed.has(path))) return;
    if (finding === 'add') dropped.add(newRow);
    else if (finding !== 'delete') kept.set(newRow, oldRow);
    else revived.push(oldRow);
  });
  return assemble(index, now, { dropped, kept, revived });

  /** True if the path was packed itself, or with a parent that was deleted or replaced. */
  function isPacked(path: ByteString): boolean {
    if (changes.has(path)) return true;
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const above = path.slice(0, end);
      if (changes.has(above) && !directories.has(above)) return true;
    }
    return false;
  }
}

/** Merges the chosen rows of both tables in walk order. */
function assemble(
  index: StatIndex,
  now: StatTable,
  rows: { dropped: Set<number>; kept: Map<number, number>; revived: number[] },
): StatTable {
  if (rows.dropped.size + rows.kept.size + rows.revived.length === 0) return now;
  const chosen: { path: ByteString; words: Uint32Array }[] = [];
  const row = (table: StatTable, at: number) => table.words.subarray(at * statWords, (at + 1) * statWords);
  now.paths.forEach((path, at) => {
    if (rows.dropped.has(at)) return;
    const old = rows.kept.get(at);
    chosen.push({ path, words: old === undefined ? row(now, at) : row(index, old) });
  });
  for (const old of rows.revived) chosen.push({ path: index.paths[old]!, words: row(index, old) });
  chosen.sort((a, b) => comparePaths(a.path, b.path));
  const words = new Uint32Array(chosen.length * statWords);
  chosen.forEach((file, at) => {
    words.set(file.words, at * statWords);
  });
  return { paths: chosen.map(({ path }) => path), words };
}
