import { type CompareOptions, type Delta, diffKeywords, sortDeltas, typeCounts } from './delta.js';
import { atLine } from './error.js';
import type { Manifest } from './manifest.js';
import { isBelow } from './path.js';

/**
 * Compares two manifests. Flags in the old manifest: `optional` allows a file to be missing, `nochange` skips its
 * keywords, `ignore` skips everything below a directory.
 *
 * @returns the differences, sorted by path
 */
export function compare(old: Manifest, other: Manifest, options: CompareOptions = {}): Delta[] {
  const ignored = new Set(
    [...old.byPath.values()].filter((entry) => entry.has('ignore')).map(({ path }) => path),
  );
  const deltas: Delta[] = [];
  for (const [path, before] of old.byPath) {
    const after = other.get(path);
    if (isBelow(path, ignored) || !typeCounts(options.types, before.type, after?.type)) continue;
    if (after === undefined) {
      if (!before.has('optional'))
        deltas.push({ path, type: 'missing', diffs: [], old: before, new: undefined });
    } else if (!before.has('nochange')) {
      const diffs = atLine(before.line || after.line, () =>
        diffKeywords(before.keywords, after.keywords, options),
      );
      if (diffs.length > 0) deltas.push({ path, type: 'modified', diffs, old: before, new: after });
    }
  }
  for (const [path, after] of other.byPath) {
    if (old.get(path) || isBelow(path, ignored) || !typeCounts(options.types, after.type)) continue;
    deltas.push({ path, type: 'extra', diffs: [], old: undefined, new: after });
  }
  return sortDeltas(deltas);
}
