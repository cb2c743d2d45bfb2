import type { Entry } from './entry.js';
import { isFlag, keywordPrefix, parseKeywordList } from './keywords.js';

/** A parsed or walked manifest. */
export class Manifest {
  /** in the order of the manifest; if a path occurs twice, the later entry counts */
  readonly entries: readonly Entry[];
  /** `# key: value` comments at the top, such as user, machine, tree, date and keywords, as byte strings */
  readonly header: ReadonlyMap<string, string>;
  #byPath: Map<string, Entry> | undefined;

  constructor(entries: readonly Entry[], header: ReadonlyMap<string, string> = new Map()) {
    this.entries = entries;
    this.header = header;
  }

  /** All paths, with the entry that counts. */
  get byPath(): ReadonlyMap<string, Entry> {
    if (this.#byPath === undefined) {
      this.#byPath = new Map();
      for (const entry of this.entries) this.#byPath.set(entry.path, entry);
    }
    return this.#byPath;
  }

  /**
   * Returns the entry of a path.
   *
   * @param path byte string relative to the root, such as `usr/bin/env`; `.` is the root
   */
  get(path: string): Entry | undefined {
    return this.byPath.get(path);
  }

  /**
   * Returns the canonical names of the keywords that the manifest was made with: the keywords in its header (written by
   * go-mtree) and in its entries, without flags such as `optional`. `xattr` stands for all extended attributes.
   */
  usedKeywords(): string[] {
    const used = new Set(parseKeywordList(this.header.get('keywords') ?? ''));
    for (const entry of this.entries) for (const name of entry.keywords.keys()) used.add(keywordPrefix(name));
    return [...used].filter((name) => !isFlag(name));
  }
}
