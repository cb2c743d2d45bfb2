import type { Change } from 'layerhook';
import type { ByteString, StatBuffer } from 'layerhook/system';

/** One name of a file that has several in the upperdir. */
interface Name {
  path: ByteString;
  /** null: as below */
  kind: 'add' | 'modify' | null;
  /** which file of the layers below has this name; null: none */
  lower: string | null;
}

/** Files with several names in the upperdir. One that is changed is so under all its names. */
export class HardlinkGroups {
  readonly #groups = new Map<string, Name[]>();

  /** Whether a file may have more than one name. */
  static mayHold(stat: StatBuffer): boolean {
    return stat.nlink > 1 && !stat.isDirectory;
  }

  /** @param kind how this name differs from what is below; null: not @param lower the file that it is below */
  add(path: ByteString, stat: StatBuffer, kind: Name['kind'], lower: StatBuffer | null): void {
    const key = inode(stat);
    const name = { path, kind, lower: lower && inode(lower) };
    const group = this.#groups.get(key);
    if (group) group.push(name);
    else this.#groups.set(key, [name]);
  }

  /** All names of those files that have changed, and of those whose names below are of different files. */
  *changes(): Generator<Change> {
    for (const names of this.#groups.values()) {
      const first = names[0]!.lower;
      if (names.every(({ kind, lower }) => kind === null && lower === first)) continue;
      for (const { path, kind } of names) yield { path, kind: kind ?? 'modify' };
    }
  }
}

/** Tells one file from all others. */
export function inode(stat: StatBuffer): string {
  return `${stat.devMajor}:${stat.devMinor}:${stat.inoHigh}:${stat.inoLow}`;
}
