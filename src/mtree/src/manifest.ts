import type { Entry } from './entry.js';
import { isFlag, keywordPrefix, parseKeywordList } from './keywords.js';

/** A parsed or walked manifest. */
export class Manifest {
  /** in the order of the manifest; a path may occur twice, the later one counts */
  readonly entries: readonly Entry[];
  /** `# key: value` comments at the top, such as user, machine, tree, date, keywords: byte strings */
  readonly header: ReadonlyMap<string, string>;
  #byPath: Map<string, Entry> | undefined;

  constructor(entries: readonly Entry[], header: ReadonlyMap<string, string> = new Map()) {
    this.entries = entries;
    this.header = header;
  }

  /** Every path, with the entry that counts. */
  get byPath(): ReadonlyMap<string, Entry> {
    if (this.#byPath === undefined) {
      this.#byPath = new Map();
      for (const entry of this.entries) this.#byPath.set(entry.path, entry);
    }
    return this.#byPath;
  }

  /**
   * The entry of a path.
   *
   * @param path byte string relative to the root, such as `usr/bin/env`; `.` for the root
   */
  get(path: string): Entry | undefined {
    return this.byPath.get(path);
  }

  /**
   * The canonical names of the keywords that the manifest was made with: those in its header (go-mtree's) and those
   * that its entries have; `xattr` stands for all of its kind. Flags (`optional` and so on) are left out.
   */
  usedKeywords(): string[] {
    const used = new Set(parseKeywordList(this.header.get('keywords') ?? ''));
    for (const entry of this.entries) for (const name of entry.keywords.keys()) used.add(keywordPrefix(name));
    return [...used].filter((name) => !isFlag(name));
  }
}
