import { canonicalKeyword } from './keywords.js';
import { unvis } from './vis.js';

/** Keywords of an entry: canonical name (`sha256digest`, `xattr.user.a`) to value as it stands; flags have ''. */
export type KeywordMap = ReadonlyMap<string, string>;

/** The types of a file in mtree(5). */
export type EntryType = 'block' | 'char' | 'dir' | 'fifo' | 'file' | 'link' | 'socket';

/** One file of a manifest. */
export class Entry {
  /** cleaned path, relative to the root, as a byte string; `.` for the root itself */
  readonly path: string;
  /** line of the manifest, from 1; 0 if it was not parsed */
  readonly line: number;
  #text: string;
  #keywords: KeywordMap;

  /**
   * @param text what follows the name: keywords not yet parsed, '' if there are none
   * @param keywords what `text` adds to: the values of `/set`, or all keywords
   */
  constructor(path: string, line: number, text: string, keywords: KeywordMap) {
    this.path = path;
    this.line = line;
    this.#text = text;
    this.#keywords = keywords;
  }

  /** All keywords, those of `/set` included. */
  get keywords(): KeywordMap {
    if (this.#text !== '') {
      const merged = new Map(this.#keywords);
      addKeywords(merged, this.#text, this.line);
      this.#keywords = merged;
      this.#text = '';
    }
    return this.#keywords;
  }

  /** The value of a keyword by its canonical name, as it stands in the manifest. */
  get(keyword: string): string | undefined {
    return this.keywords.get(keyword);
  }

  has(keyword: string): boolean {
    return this.keywords.has(keyword);
  }

  get type(): EntryType | undefined {
    return this.get('type') as EntryType | undefined;
  }

  /** The target of a symbolic link, decoded: a byte string. */
  get link(): string | undefined {
    const link = this.get('link');
    return link === undefined ? undefined : unvis(link, this.line);
  }
}

/** Parses `key=value key=value flag` into `map`, later ones winning. A word starting with `#` ends the line. */
export function addKeywords(map: Map<string, string>, text: string, line: number): void {
  for (const word of words(text)) {
    if (word.startsWith('#')) return;
    const equals = word.indexOf('=');
    if (equals === -1) {
      map.set(canonicalKeyword(word), '');
    } else if (word.startsWith('xattr')) {
      addXattr(map, word, line);
    } else {
      const name = canonicalKeyword(word.slice(0, equals));
      const value = word.slice(equals + 1);
      // go-mtree writes SHA-512/256 under the name of SHA-512
      map.set(name === 'sha512digest' && value.length === 64 ? 'sha512256digest' : name, value);
    }
  }
}

/** The words of a line: what white space separates. */
export function words(text: string): string[] {
  return text.match(/[^ \t\r\v\f]+/g) ?? [];
}

/**
 * go-mtree leaves `=` in the names of extended attributes as it is, so that `xattr.user.a=b=dmFs` could be
 * read in two ways. Only one of them has base64 as its value: the first that does is right.
 */
function addXattr(map: Map<string, string>, word: string, line: number): void {
  let equals = word.indexOf('=');
  for (let at = equals; at !== -1; at = word.indexOf('=', at + 1)) {
    if (!base64.test(word.slice(at + 1))) continue;
    equals = at;
    break;
  }
  map.set(unvis(canonicalKeyword(word.slice(0, equals)), line), word.slice(equals + 1));
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
