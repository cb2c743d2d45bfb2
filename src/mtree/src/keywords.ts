/** The properties of one keyword. */
export interface KeywordRow {
  /** other spellings of the same keyword */
  synonyms: readonly string[];
  /** true if mtree(8) of the BSDs supports it */
  bsd: boolean;
  /** `file`: walk and check compute it from a file; `flag`: changes what check does; `none`: parsed and written only */
  source: 'file' | 'flag' | 'none';
  meaning: string;
}

/** All keywords of go-mtree, mtree(8) and libarchive, by canonical name. README.md lists the same rows. */
export const keywordTable = {
  cksum: row('POSIX cksum of the content'),
  contents: row('path of the content, for archivers', { source: 'none' }),
  device: row('device number of a block or character device'),
  flags: row('BSD file flags; `none` on Linux'),
  gid: row('group, as a number'),
  gname: row('group, by name'),
  ignore: row('entries below this directory are skipped', { source: 'flag' }),
  inode: row('inode number', { bsd: false }),
  link: row('target of a symbolic link'),
  md5digest: row('MD5 of the content', { synonyms: ['md5'] }),
  mode: row('permission, setuid, setgid and sticky bits, octal'),
  nlink: row('number of hard links'),
  nochange: row('must exist; its other keywords are not compared', { source: 'flag' }),
  optional: row('may be missing', { source: 'flag' }),
  resdevice: row('device that contains the file', { bsd: false }),
  ripemd160digest: row('RIPEMD-160 of the content', { synonyms: ['rmd160', 'rmd160digest', 'ripemd160'] }),
  sha1digest: row('SHA-1 of the content', { synonyms: ['sha1'] }),
  sha256digest: row('SHA-256 of the content', { synonyms: ['sha256'] }),
  sha384digest: row('SHA-384 of the content', { synonyms: ['sha384'] }),
  sha512digest: row('SHA-512 of the content', { synonyms: ['sha512'] }),
  sha512256digest: row('SHA-512/256 of the content', { synonyms: ['sha512256'], bsd: false }),
  size: row('size in bytes'),
  tags: row('labels for selecting entries', { source: 'none' }),
  tar_time: row('time of last modification, cut to whole seconds', { bsd: false }),
  time: row('time of last modification, to the nanosecond'),
  type: row('`block`, `char`, `dir`, `fifo`, `file`, `link` or `socket`'),
  uid: row('owner, as a number'),
  uname: row('owner, by name'),
  xattr: row('`xattr.NAME=BASE64`, one for each extended attribute', { synonyms: ['xattrs'], bsd: false }),
};

/** The canonical name of a keyword of {@link keywordTable}. */
export type Keyword = keyof typeof keywordTable;

/** Creates a row. Most keywords have no synonyms, are known to the BSDs, and come from a file. */
function row(meaning: string, more: Partial<KeywordRow> = {}): KeywordRow {
  return { synonyms: [], bsd: true, source: 'file', meaning, ...more };
}

/** The keywords that go-mtree collects by default. */
export const defaultKeywords: readonly Keyword[] = [
  'size',
  'type',
  'uid',
  'gid',
  'mode',
  'link',
  'nlink',
  'time',
];

/** The keywords that umoci writes into the mtree of a bundle and compares on repack. */
export const umociKeywords: readonly Keyword[] = [
  'size',
  'type',
  'uid',
  'gid',
  'mode',
  'link',
  'nlink',
  'tar_time',
  'sha256digest',
  'xattr',
];

/**
 * Returns the canonical name of a keyword. Resolves synonyms (`sha256` is `sha256digest`, `xattrs.user.a` is
 * `xattr.user.a`), and returns unknown names unchanged.
 */
export function canonicalKeyword(name: string): string {
  const dot = name.indexOf('.');
  if (dot === -1) return canonicalNames.get(name) ?? name;
  const prefix = name.slice(0, dot);
  return (canonicalNames.get(prefix) ?? prefix) + name.slice(dot);
}

/** Returns the part of a keyword before the first dot: `xattr` for `xattr.user.a`. */
export function keywordPrefix(name: string): string {
  const dot = name.indexOf('.');
  return dot === -1 ? name : name.slice(0, dot);
}

/** True if {@link keywordTable} has a row for this canonical name. */
export function isKeyword(name: string): name is Keyword {
  return Object.hasOwn(keywordTable, name);
}

/** True for a keyword without a value that changes what a check does. */
export function isFlag(name: string): boolean {
  return isKeyword(name) && keywordTable[name].source === 'flag';
}

/**
 * Splits a list of keywords at commas and spaces, as in gomtree's options.
 *
 * @returns distinct canonical names, including unknown keywords
 */
export function parseKeywordList(list: string): string[] {
  const names = list.split(/[, ]+/).filter((name) => name !== '');
  return [...new Set(names.map(canonicalKeyword))];
}

const canonicalNames: ReadonlyMap<string, string> = new Map(
  Object.entries(keywordTable).flatMap(([name, row]: [string, KeywordRow]) => [
    [name, name] as const,
    ...row.synonyms.map((synonym) => [synonym, name] as const),
  ]),
);
