import type { Change } from '../../layer/types.js';
import type { ByteString } from '../../system/bytes.js';
import type { StatBuffer } from '../../system/stat.js';
import { inodeNumber } from '../../system/stat.js';

/** One name of a file that has several in the upperdir. */
interface Name {
  path: ByteString;
  /** null: unchanged */
  kind: 'add' | 'modify' | null;
  /** inode that the lower layers have under this name; null: none */
  lower: string | null;
}

/** Files with several names in the upperdir. If one name of a file changed, all of its names are changes. */
export class HardlinkGroups {
  readonly #groups = new Map<string, Name[]>();

  /** Returns true if a file may have other names. */
  static mayHold(stat: StatBuffer): boolean {
    return stat.nlink > 1 && !stat.isDirectory;
  }

  /**
   * @param kind how this name differs from the lower layers; null: unchanged
   * @param lower the file that the lower layers have under this name
   */
  add(path: ByteString, stat: StatBuffer, kind: Name['kind'], lower: StatBuffer | null): void {
    const key = inodeNumber(stat);
    const name = { path, kind, lower: lower && inodeNumber(lower) };
    const group = this.#groups.get(key);
    if (group) group.push(name);
    else this.#groups.set(key, [name]);
  }

  /** Yields all names of each file that changed, and of each file that joins different lower files. */
  *changes(): Generator<Change> {
    for (const [inode, names] of this.#groups) {
      const first = names[0]!.lower;
      if (names.every(({ kind, lower }) => kind === null && lower === first)) continue;
      for (const { path, kind } of names) yield { path, kind: kind ?? 'modify', inode };
    }
  }
}
