import { MtreeError } from './error.js';
import { type Header, headerLines, oneLine } from './header.js';
import { isKeyword, type Keyword } from './keywords.js';
import { joinPath } from './path.js';
import { formatters, formatXattrs, type SingleKeyword, type Values } from './values.js';
import { vis } from './vis.js';

/** Formats one keyword of an item: ` key=value`, several of these, or '' if the item does not have the keyword. */
export type Emitter<Item> = (item: Item) => string;

export interface TreeWriterOptions<Item> {
  /** canonical keywords, in the order of output */
  keywords: readonly string[];
  header: Header;
  emitter: (keyword: string) => Emitter<Item>;
  /** returns true if `/set` may set a keyword (type, nlink, flags, mode, uid or gid) */
  settable: (keyword: string) => boolean;
}

/**
 * Writes a manifest in go-mtree's style, entry by entry. The caller must keep go-mtree's order: the root directory (named
 * `.`) first; in each directory first the non-directories, sorted by bytes, and after them the directories, also sorted.
 */
export class TreeWriter<Item> {
  readonly #write: (chunk: Buffer) => void;
  readonly #columns: Column<Item>[];
  /** uid and gid, if `/set` may set them */
  readonly #owner: Column<Item>[];
  /** the constant part of `/set` */
  readonly #defaults: readonly (readonly [keyword: string, pair: string])[];
  readonly #directories: string[] = [];
  #hasSet = false;
  #text: string;

  constructor(
    write: (chunk: Buffer) => void,
    { keywords, header, emitter, settable }: TreeWriterOptions<Item>,
  ) {
    // the type is required: a parser needs it to recognise directories
    const columns = keywords.includes('type') ? keywords : ['type', ...keywords];
    const column = (keyword: string) => ({ keyword, emit: emitter(keyword), set: '' });
    this.#write = write;
    this.#columns = columns.map(column);
    this.#owner = ['uid', 'gid'].filter(settable).map(column);
    this.#defaults = defaultSet.filter(([keyword]) => columns.includes(keyword) && settable(keyword));
    this.#text = headerLines(header, columns);
  }

  /** Opens a directory; `name` is a byte string and is ignored for the root. */
  enterDirectory(name: string, item: Item): void {
    const parent = this.#directories.at(-1);
    const path = parent === undefined ? '.' : joinPath(parent, name);
    this.#directories.push(path);
    this.#text += `\n# ${oneLine(path)}\n${this.#newSet(item)}`;
    this.#entry(parent === undefined ? '.' : vis(name), item);
  }

  /** Writes a file of any type except a directory; `name` is a byte string. */
  file(name: string, item: Item): void {
    if (this.#directories.length === 0) throw new MtreeError('BAD_ORDER', 'a file before the root directory');
    this.#text += '    ';
    this.#entry(vis(name), item);
  }

  leaveDirectory(): void {
    if (this.#directories.pop() === undefined) throw new MtreeError('BAD_ORDER', 'no directory to leave');
    this.#text += '..\n';
  }

  /** Writes the buffered rest. */
  end(): void {
    if (this.#directories.length > 0) throw new MtreeError('BAD_ORDER', 'a directory was not left');
    this.#flush();
  }

  #entry(encodedName: string, item: Item): void {
    let line = encodedName;
    for (const { emit, set } of this.#columns) {
      const pair = emit(item);
      if (pair !== set) line += pair;
    }
    // go-mtree always writes a space after the name
    this.#text += line === encodedName ? `${line} \n` : `${line}\n`;
    if (this.#text.length > flushLength) this.#flush();
  }

  /** Returns a `/set` line if the owner of a directory differs from the previous owner. */
  #newSet(item: Item): string {
    const owner = this.#owner.map(({ keyword, emit }) => [keyword, emit(item)] as const);
    if (this.#hasSet && owner.every(([, pair], i) => pair === this.#owner[i]!.set)) return '';
    // go-mtree's first /set includes the owner, even if uid and gid are not among the keywords
    const shown = owner.filter(
      ([name]) => !this.#hasSet || this.#columns.some(({ keyword }) => keyword === name),
    );
    this.#hasSet = true;
    const set = new Map([...this.#defaults, ...shown]);
    for (const column of [...this.#columns, ...this.#owner]) column.set = set.get(column.keyword) ?? '';
    return set.size === 0 ? '' : `/set${[...set.values()].join('')}\n`;
  }

  #flush(): void {
    if (this.#text !== '') this.#write(Buffer.from(this.#text, 'latin1'));
    this.#text = '';
  }
}

interface Column<Item> {
  keyword: string;
  emit: Emitter<Item>;
  /** the pair in `/set`, or '' */
  set: string;
}

export interface ManifestWriterOptions {
  /** keywords in the order of output */
  keywords: readonly Keyword[];
  /** comments at the top */
  header?: Header;
}

/**
 * Writes a manifest in go-mtree's style from {@link Values}; see {@link TreeWriter} for the order of calls.
 *
 * @example
 * const writer = new ManifestWriter((chunk) => writeSync(fd, chunk), { keywords: umociKeywords });
 * writer.enterDirectory('.', { type: 'dir', uid: 0, gid: 0, mode: 0o755, nlink: 1 });
 * writer.file('a', { type: 'file', uid: 0, gid: 0, mode: 0o644, nlink: 1, size: 0 });
 * writer.leaveDirectory();
 * writer.end();
 */
export class ManifestWriter extends TreeWriter<Values> {
  /** @param write called with chunks of about 64 KiB, each in a new buffer */
  constructor(write: (chunk: Buffer) => void, { keywords, header = {} }: ManifestWriterOptions) {
    super(write, { keywords, header, emitter: valuesEmitter, settable: () => true });
  }
}

const flushLength = 1 << 16;

const defaultSet = [
  ['type', ' type=file'],
  ['nlink', ' nlink=1'],
  ['flags', ' flags=none'],
  ['mode', ' mode=0664'],
] as const;

function valuesEmitter(keyword: string): Emitter<Values> {
  if (keyword === 'xattr') return ({ xattrs }) => (xattrs === undefined ? '' : xattrWords(xattrs));
  if (!isKeyword(keyword) || !Object.hasOwn(formatters, keyword)) {
    throw new MtreeError(
      'UNKNOWN_KEYWORD',
      `keyword ${JSON.stringify(keyword)} cannot be computed from a file`,
    );
  }
  const format = formatters[keyword as SingleKeyword];
  const prefix = ` ${keyword}=`;
  return (values) => {
    const value = format(values);
    return value === undefined ? '' : prefix + value;
  };
}

function xattrWords(xattrs: ReadonlyMap<string, Uint8Array>): string {
  if (xattrs.size === 0) return '';
  return formatXattrs(xattrs)
    .map(([name, value]) => ` xattr.${vis(name)}=${value}`)
    .join('');
}
