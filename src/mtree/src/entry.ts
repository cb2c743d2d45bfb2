import { canonicalKeyword } from './keywords.js';
import { unvis } from './vis.js';

/** Keywords of an entry: canonical name (`sha256digest`, `xattr.user.a`) to value as written; a flag has ''. */
export type KeywordMap = ReadonlyMap<string, string>;

/** The file types of mtree(5). */
export type EntryType = 'block' | 'char' | 'dir' | 'fifo' | 'file' | 'link' | 'socket';

/** One file of a manifest. */
export class Entry {
  /** clean path relative to the root, as a byte string; `.` is the root itself */
  readonly path: string;
  /** line of the manifest, from 1; 0 if the entry was not parsed */
  readonly line: number;
  readonly #text: string;
  readonly #keywords: KeywordMap;

  /**
   * @param text the text after the name, with keywords to parse later; may be ''
   * @param keywords the keywords before `text` is added: the values of `/set`, or all keywords
   */
  constructor(path: string, line: number, text: string, keywords: KeywordMap) {
    this.path = path;
    this.line = line;
    this.#text = text;
    this.#keywords = keywords;
  }

  /** All keywords, including the values of `/set`. They are parsed again after another entry's: a manifest has millions. */
  get keywords(): KeywordMap {
    if (this.#text === '') return this.#keywords;
    if (latest?.entry !== this) {
      const keywords = new Map(this.#keywords);
      addKeywords(keywords, this.#text, this.line);
      latest = { entry: this, keywords };
    }
    return latest.keywords;
  }

  /** Returns the value of a keyword (a canonical name) as written in the manifest. */
  get(keyword: string): string | undefined {
    return this.keywords.get(keyword);
  }

  has(keyword: string): boolean {
    return this.keywords.has(keyword);
  }

  get type(): EntryType | undefined {
    return this.get('type') as EntryType | undefined;
  }

  /** The decoded target of a symbolic link, as a byte string. */
  get link(): string | undefined {
    const link = this.get('link');
    return link === undefined ? undefined : unvis(link, this.line);
  }
}

/** The keywords that were parsed last. */
let latest: { entry: Entry; keywords: KeywordMap } | undefined;

/** Parses `key=value key=value flag` into `map`; a later value replaces an earlier one. A word with `#` first ends the line. */
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

/** Returns the words of a line, which are separated by white space. */
export function words(text: string): string[] {
  return text.match(/[^ \t\r\v\f]+/g) ?? [];
}

/**
 * go-mtree does not escape `=` in names of extended attributes, so that `xattr.user.a=b=dmFs` is ambiguous. The first `=`
 * that is followed by valid base64 separates name and value.
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
