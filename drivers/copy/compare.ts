import {
  type ByteString,
  type ChangeKind,
  comparePaths,
  HardlinkGroups,
  type StatTable,
  statWord,
  statWords,
} from 'layerhook';
import { isRacy, type StatIndex } from './stat-index.js';

/**
 * How a file differs from its row in the index. `suspect`: all fields of stat that an image stores are the same, but another
 * field differs, so the content or extended attributes may have changed.
 */
export type Finding = ChangeKind | 'suspect';

/**
 * Compares a rootfs with its index.
 *
 * @param report called in walk order for every file that may have changed, with its rows in both tables; -1: no row
 */
export function compareStats(
  index: StatIndex,
  now: StatTable,
  report: (finding: Finding, path: ByteString, oldRow: number, newRow: number) => void,
): void {
  const words = onDevice(index, now);
  const sameBlock = blockComparer(index, words, now);
  const compareRows = rowComparer(index, words, now);
  let o = 0;
  let n = 0;
  while (o < index.paths.length || n < now.paths.length) {
    if (sameBlock(o, n)) {
      o += blockRows;
      n += blockRows;
      continue;
    }
    // compare row by row until the blocks may match again
    for (const end = o + blockRows; o < end && (o < index.paths.length || n < now.paths.length); )
      compareNext();
  }

  function compareNext(): void {
    const oldPath = index.paths[o];
    const newPath = now.paths[n];
    const order = oldPath === undefined ? 1 : newPath === undefined ? -1 : comparePaths(oldPath, newPath);
    if (order < 0) report('delete', oldPath!, o++, -1);
    else if (order > 0) report('add', newPath!, -1, n++);
    else {
      const finding = compareRows(o, n);
      if (finding !== 'same') report(finding, newPath!, o, n);
      o++;
      n++;
    }
  }
}

/**
 * Number of rows per block comparison: in most trees almost all rows are the same. Comparing the 57,800 files of /usr/share
 * takes 3.8 ms of CPU by blocks and 8.4 ms row by row (node 24, 5 pairs).
 */
const blockRows = 128;

/** Returns a function that is true if a whole block of rows is the same, beginning at the given rows. */
function blockComparer(
  index: StatIndex,
  words: Uint32Array,
  now: StatTable,
): (o: number, n: number) => boolean {
  const rowBytes = statWords * 4;
  const [a, b] = [bytesOf(words), bytesOf(now.words)];
  return (o, n) => {
    if (index.racy || o + blockRows > index.paths.length || n + blockRows > now.paths.length) return false;
    const [x, y] = [o * rowBytes, n * rowBytes];
    const size = blockRows * rowBytes;
    if (a.compare(b, y, y + size, x, x + size) !== 0) return false;
    for (let i = 0; i < blockRows; i++) if (index.paths[o + i] !== now.paths[n + i]) return false;
    return true;
  };
}

function bytesOf(words: Uint32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

/** Returns a function that compares two rows of the same path. */
function rowComparer(
  index: StatIndex,
  words: Uint32Array,
  now: StatTable,
): (oldRow: number, newRow: number) => Finding | 'same' {
  const groups = new HardlinkGroups({ ...index, words }, now);
  return (oldRow, newRow) => {
    const x = oldRow * statWords;
    const y = newRow * statWords;
    for (const word of imageWords) if (words[x + word] !== now.words[y + word]) return 'modify';
    let same = !isRacy(index.tick, words, oldRow);
    for (const word of hostWords) same &&= words[x + word] === now.words[y + word];
    if (same) return 'same';
    return groups.differ(oldRow, newRow) ? 'modify' : 'suspect';
  };
}

/** Words that differ only if umoci would report a change, plus device numbers. */
const imageWords = [
  ...[statWord.mode, statWord.uid, statWord.gid, statWord.nlink, statWord.size, statWord.size + 1],
  ...[statWord.mtimeSec, statWord.mtimeSec + 1, statWord.rdevMajor, statWord.rdevMinor],
];

/** Words that differ after any other change of the file. */
const hostWords = [
  ...[statWord.ino, statWord.ino + 1, statWord.mtimeNsec],
  ...[statWord.ctimeSec, statWord.ctimeSec + 1, statWord.ctimeNsec, statWord.devMajor, statWord.devMinor],
];

/**
 * Returns the index's words with the current device number of the rootfs: a filesystem without a block device gets another
 * number with each mount. Differences between devices inside the tree remain, since they show mounts.
 */
function onDevice(index: StatIndex, now: StatTable): Uint32Array {
  const { devMajor, devMinor } = statWord;
  const [oldMajor, oldMinor] = [index.words[devMajor], index.words[devMinor]];
  const [major = 0, minor = 0] = [now.words[devMajor], now.words[devMinor]];
  if (oldMajor === major && oldMinor === minor) return index.words;
  const words = index.words.slice();
  for (let at = 0; at < words.length; at += statWords) {
    if (words[at + devMajor] !== oldMajor || words[at + devMinor] !== oldMinor) continue;
    words[at + devMajor] = major;
    words[at + devMinor] = minor;
  }
  return words;
}
