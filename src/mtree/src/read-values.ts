import { type BigIntStats, constants, readlinkSync } from 'node:fs';
import { type ContentKeyword, contentKeywords, digestFile } from './digest.js';
import type { EntryType } from './entry.js';
import { MtreeError } from './error.js';
import { isKeyword, type Keyword, keywordTable } from './keywords.js';
import { type OwnerNames, systemOwnerNames } from './owners.js';
import type { Steps } from './steps.js';
import { type Access, attempt, type Found } from './traverse.js';
import type { Values } from './values.js';

/** Functions for data that node:fs cannot read or that depends on this machine. */
export interface SystemOptions {
  /**
   * Returns the extended attributes of a regular file or directory, by name (a byte string). The keyword `xattr` needs
   * this function, since node cannot read extended attributes.
   */
  xattrs?: (path: Buffer) => ReadonlyMap<string, Uint8Array>;
  /**
   * Runs each call that reads a file, and may give this process access to the file for that time. `call` is synchronous.
   * Default: runs `call`.
   */
  access?: Access;
  /** names for uname and gname; default: the names in /etc/passwd and /etc/group */
  names?: OwnerNames;
}

/** True if a keyword (a canonical name) can be computed from a file. */
export function isComputable(keyword: string): keyword is Keyword {
  return isKeyword(keyword) && keywordTable[keyword].source === 'file';
}

/** Checks that keywords can be computed, and returns them. @throws MtreeError UNKNOWN_KEYWORD, NO_XATTRS */
export function computable(keywords: readonly string[], { xattrs }: SystemOptions): Keyword[] {
  return keywords.map((keyword) => {
    if (!isComputable(keyword)) {
      throw new MtreeError(
        'UNKNOWN_KEYWORD',
        `keyword ${JSON.stringify(keyword)} cannot be computed from a file`,
      );
    }
    if (keyword === 'xattr' && xattrs === undefined) {
      throw new MtreeError('NO_XATTRS', 'keyword "xattr" needs the option xattrs, which reads them');
    }
    return keyword;
  });
}

/**
 * Returns a function that reads only what the keywords need from a file. Values that lstat returns are always included.
 */
export function valuesReader(
  keywords: readonly Keyword[],
  options: SystemOptions,
): (found: Found) => Steps<Values> {
  const read = metadataReader(keywords, options);
  const content = contentKeywords.filter((keyword) => keywords.includes(keyword));
  return function* (found) {
    const values = read(found);
    if (content.length > 0 && values.type === 'file')
      yield* addDigests(values, found, content, options.access);
    return values;
  };
}

/** Does the same as {@link valuesReader}, for keywords that do not need file content. */
export function metadataReader(
  keywords: readonly Keyword[],
  options: SystemOptions,
): (found: Found) => Values {
  const names = options.names ?? systemOwnerNames();
  const wantsUser = keywords.includes('uname');
  const wantsGroup = keywords.includes('gname');
  const xattrs = keywords.includes('xattr') ? options.xattrs : undefined;
  return (found) => {
    const values = statValues(found.stats);
    if (values.type === 'link') values.link = readLink(found, options.access);
    if (wantsUser) assign(values, 'uname', names.user(values.uid));
    if (wantsGroup) assign(values, 'gname', names.group(values.gid));
    if (xattrs && (values.type === 'file' || values.type === 'dir')) {
      values.xattrs = attempt(found.location, () => xattrs(Buffer.from(found.location)), options.access);
    }
    return values;
  };
}

function* addDigests(
  values: Values,
  found: Found,
  keywords: readonly ContentKeyword[],
  access?: Access,
): Steps<void> {
  const digests = yield* digestFile(found.location, keywords, access);
  keywords.forEach((keyword, i) => {
    if (keyword === 'cksum') values.cksum = Number(digests[i]);
    else assign(values, keyword, digests[i]);
  });
}

function statValues(stats: BigIntStats): Values {
  const mode = Number(stats.mode);
  const type = typeOf(mode);
  const values: Values = {
    type,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mode: mode & 0o7777,
    nlink: Number(stats.nlink),
    size: Number(stats.size),
    time: toTime(stats.mtimeNs),
    inode: Number(stats.ino),
    resdevice: toDevice(Number(stats.dev)),
    flags: 'none',
  };
  if (type === 'block' || type === 'char') values.device = toDevice(Number(stats.rdev));
  return values;
}

/** Returns the file type, which is in the S_IFMT bits; inode(7). */
function typeOf(mode: number): EntryType {
  const type = fileTypes.get(mode & constants.S_IFMT);
  if (type === undefined) throw new MtreeError('UNREADABLE', `unknown file type in mode ${mode.toString(8)}`);
  return type;
}

const fileTypes: ReadonlyMap<number, EntryType> = new Map([
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFCHR, 'char'],
  [constants.S_IFDIR, 'dir'],
  [constants.S_IFBLK, 'block'],
  [constants.S_IFREG, 'file'],
  [constants.S_IFLNK, 'link'],
  [constants.S_IFSOCK, 'socket'],
]);

/** Splits a time. Seconds are rounded down, also before 1970, so that nanoseconds are never negative. */
function toTime(ns: bigint): { sec: number; nsec: number } {
  const sec = Number(ns / 1_000_000_000n);
  const nsec = Number(ns % 1_000_000_000n);
  return nsec < 0 ? { sec: sec - 1, nsec: nsec + 1_000_000_000 } : { sec, nsec };
}

/** Splits a device number; makedev(3) of Linux. The upper 32 bits are 0 for all devices in use. */
function toDevice(device: number): { major: number; minor: number } {
  return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}

function readLink(found: Found, access?: Access): string {
  return attempt(found.location, () => readlinkSync(found.location, 'latin1'), access);
}

function assign<Key extends keyof Values>(values: Values, key: Key, value: Values[Key] | undefined): void {
  if (value !== undefined) values[key] = value;
}
