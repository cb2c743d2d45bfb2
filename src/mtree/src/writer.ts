import { MtreeError } from './error.js';
import { type Header, headerLines, oneLine } from './header.js';
import { isKeyword, type Keyword } from './keywords.js';
import { joinPath } from './path.js';
import { formatters, formatXattrs, type SingleKeyword, type Values } from './values.js';
import { vis } from './vis.js';

/**
 * How one keyword of an item is written: ` key=value`, several of them, or '' if the item has none.
 */
export type Emitter<Item> = (item: Item) => string;

export interface TreeWriterOptions<Item> {
  /** keywords in the order to write them in, canonical */
  keywords: readonly string[];
  header: Header;
  emitter: (keyword: string) => Emitter<Item>;
  /** which of type, nlink, flags, mode, uid and gid may be given by `/set` */
  settable: (keyword: string) => boolean;
}

/**
 * Writes a manifest in go-mtree's style, entry by entry. The caller keeps go-mtree's order: the root directory
 * (named `.`) first; in a directory all that are no directories, sorted by bytes, then the directories, likewise.
 */
export class TreeWriter<Item> {
  readonly #write: (chunk: Buffer) => void;
  readonly #columns: Column<Item>[];
  /** uid and gid, if they may be set */
  readonly #owner: Column<Item>[];
  /** the part of `/set` that never changes */
  readonly #defaults: readonly (readonly [keyword: string, pair: string])[];
  readonly #directories: string[] = [];
  #hasSet = false;
  #text: string;

  constructor(
    write: (chunk: Buffer) => void,
    { keywords, header, emitter, settable }: TreeWriterOptions<Item>,
  ) {
    // without its type nobody can tell a directory, and where the manifest goes down
    const columns = keywords.includes('type') ? keywords : ['type', ...keywords];
    const column = (keyword: string) => ({ keyword, emit: emitter(keyword), set: '' });
    this.#write = write;
    this.#columns = columns.map(column);
    this.#owner = ['uid', 'gid'].filter(settable).map(column);
    this.#defaults = defaultSet.filter(([keyword]) => columns.includes(keyword) && settable(keyword));
    this.#text = headerLines(header, columns);
  }

  /** Opens a directory; `name` is a byte string, ignored for the root. */
  enterDirectory(name: string, item: Item): void {
    const parent = this.#directories.at(-1);
    const path = parent === undefined ? '.' : joinPath(parent, name);
    this.#directories.push(path);
    this.#text += `\n# ${oneLine(path)}\n${this.#newSet(item)}`;
    this.#entry(parent === undefined ? '.' : vis(name), item);
  }

  /** Anything but a directory; `name` is a byte string. */
  file(name: string, item: Item): void {
    if (this.#directories.length === 0) throw new MtreeError('BAD_ORDER', 'a file before the root directory');
    this.#text += '    ';
    this.#entry(vis(name), item);
  }

  leaveDirectory(): void {
    if (this.#directories.pop() === undefined) throw new MtreeError('BAD_ORDER', 'no directory to leave');
    this.#text += '..\n';
  }

  /** Writes what is left. */
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
    // go-mtree puts a space after the name, come what may
    this.#text += line === encodedName ? `${line} \n` : `${line}\n`;
    if (this.#text.length > flushLength) this.#flush();
  }

  /** A `/set` line where a directory's owner differs from the last one. */
  #newSet(item: Item): string {
    const owner = this.#owner.map(({ keyword, emit }) => [keyword, emit(item)] as const);
    if (this.#hasSet && owner.every(([, pair], i) => pair === this.#owner[i]!.set)) return '';
    // go-mtree's first /set has the owner even if the keywords do not ask for it
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
  /** what `/set` says of it, '' if nothing */
  set: string;
}

export interface ManifestWriterOptions {
  /** keywords in the order to write them in */
  keywords: readonly Keyword[];
  /** comments for the top */
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
  /** @param write called with chunks of about 64 KiB, each a buffer of its own */
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
    throw new MtreeError('UNKNOWN_KEYWORD', `no file has a keyword ${JSON.stringify(keyword)}`);
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
