import type { ByteString } from '../../system/bytes.js';
import { type StatTable, statWord, statWords } from './stat-table.js';

/** Compares the hardlinks of files in two trees. The name tables are built lazily. */
export class HardlinkGroups {
  readonly #tables: [StatTable, StatTable];
  #names: [Map<string, ByteString[]>, Map<string, ByteString[]>] | undefined;
  readonly #known = new Map<string, boolean>();

  constructor(old: StatTable, now: StatTable) {
    this.#tables = [old, now];
  }

  /** True if the file of a row has other names in the new table than the file of the old row in the old table. */
  differ(oldRow: number, newRow: number): boolean {
    const [old, now] = this.#tables;
    if (!mayHaveOtherNames(old.words, oldRow) && !mayHaveOtherNames(now.words, newRow)) return false;
    this.#names ??= [groupNames(old), groupNames(now)];
    const keys = [inode(old.words, oldRow), inode(now.words, newRow)] as const;
    const pair = keys.join(' ');
    let answer = this.#known.get(pair);
    if (answer === undefined) {
      const [before, after] = [this.#names[0].get(keys[0]) ?? [], this.#names[1].get(keys[1]) ?? []];
      answer = before.length !== after.length || before.some((name, i) => name !== after[i]);
      this.#known.set(pair, answer);
    }
    return answer;
  }
}

function groupNames({ paths, words }: StatTable): Map<string, ByteString[]> {
  const groups = new Map<string, ByteString[]>();
  paths.forEach((path, row) => {
    if (!mayHaveOtherNames(words, row)) return;
    const key = inode(words, row);
    const names = groups.get(key);
    if (names) names.push(path);
    else groups.set(key, [path]);
  });
  return groups;
}

function mayHaveOtherNames(words: Uint32Array, row: number): boolean {
  const at = row * statWords;
  return words[at + statWord.nlink]! > 1 && (words[at + statWord.mode]! & typeBits) !== directory;
}

function inode(words: Uint32Array, row: number): string {
  const at = row * statWords;
  const { devMajor, devMinor, ino } = statWord;
  return `${words[at + devMajor]}:${words[at + devMinor]}:${words[at + ino]}:${words[at + ino + 1]}`;
}

const typeBits = 0o170000;
const directory = 0o040000;
