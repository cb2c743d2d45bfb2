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
  cksum: { synonyms: [], bsd: true, source: 'file', meaning: 'POSIX cksum of the content' },
  contents: { synonyms: [], bsd: true, source: 'none', meaning: 'path of the content, for archivers' },
  device: {
    synonyms: [],
    bsd: true,
    source: 'file',
    meaning: 'device number of a block or character device',
  },
  flags: { synonyms: [], bsd: true, source: 'file', meaning: 'BSD file flags; `none` on Linux' },
  gid: { synonyms: [], bsd: true, source: 'file', meaning: 'group, as a number' },
  gname: { synonyms: [], bsd: true, source: 'file', meaning: 'group, by name' },
  ignore: {
    synonyms: [],
    bsd: true,
    source: 'flag',
    meaning: 'entries below this directory are skipped',
  },
  inode: { synonyms: [], bsd: false, source: 'file', meaning: 'inode number' },
  link: { synonyms: [], bsd: true, source: 'file', meaning: 'target of a symbolic link' },
  md5digest: { synonyms: ['md5'], bsd: true, source: 'file', meaning: 'MD5 of the content' },
  mode: {
    synonyms: [],
    bsd: true,
    source: 'file',
    meaning: 'permission, setuid, setgid and sticky bits, octal',
  },
  nlink: { synonyms: [], bsd: true, source: 'file', meaning: 'number of hard links' },
  nochange: {
    synonyms: [],
    bsd: true,
    source: 'flag',
    meaning: 'must exist; its other keywords are not compared',
  },
  optional: { synonyms: [], bsd: true, source: 'flag', meaning: 'may be missing' },
  resdevice: { synonyms: [], bsd: false, source: 'file', meaning: 'device that contains the file' },
  ripemd160digest: {
    synonyms: ['rmd160', 'rmd160digest', 'ripemd160'],
    bsd: true,
    source: 'file',
    meaning: 'RIPEMD-160 of the content',
  },
  sha1digest: { synonyms: ['sha1'], bsd: true, source: 'file', meaning: 'SHA-1 of the content' },
  sha256digest: { synonyms: ['sha256'], bsd: true, source: 'file', meaning: 'SHA-256 of the content' },
  sha384digest: { synonyms: ['sha384'], bsd: true, source: 'file', meaning: 'SHA-384 of the content' },
  sha512digest: { synonyms: ['sha512'], bsd: true, source: 'file', meaning: 'SHA-512 of the content' },
  sha512256digest: {
    synonyms: ['sha512256'],
    bsd: false,
    source: 'file',
    meaning: 'SHA-512/256 of the content',
  },
  size: { synonyms: [], bsd: true, source: 'file', meaning: 'size in bytes' },
  tags: { synonyms: [], bsd: true, source: 'none', meaning: 'labels for selecting entries' },
  tar_time: {
    synonyms: [],
    bsd: false,
    source: 'file',
    meaning: 'time of last modification, cut to whole seconds',
  },
  time: { synonyms: [], bsd: true, source: 'file', meaning: 'time of last modification, to the nanosecond' },
  type: {
    synonyms: [],
    bsd: true,
    source: 'file',
    meaning: '`block`, `char`, `dir`, `fifo`, `file`, `link` or `socket`',
  },
  uid: { synonyms: [], bsd: true, source: 'file', meaning: 'owner, as a number' },
  uname: { synonyms: [], bsd: true, source: 'file', meaning: 'owner, by name' },
  xattr: {
    synonyms: ['xattrs'],
    bsd: false,
    source: 'file',
    meaning: '`xattr.NAME=BASE64`, one for each extended attribute',
  },
} as const satisfies Record<string, KeywordRow>;

/** The canonical name of a keyword of {@link keywordTable}. */
export type Keyword = keyof typeof keywordTable;

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
