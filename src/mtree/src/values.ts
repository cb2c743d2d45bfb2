import type { EntryType } from './entry.js';
import type { Keyword } from './keywords.js';
import { vis } from './vis.js';

/** The values of one file in a manifest, as numbers, byte strings and hex digits. Missing values are undefined. */
export interface Values {
  type: EntryType;
  uid: number;
  gid: number;
  /** permission, setuid, setgid and sticky bits */
  mode: number;
  nlink: number;
  /** size in bytes as from lstat, also for directories and symbolic links */
  size?: number;
  /** time of the last modification; `tar_time` omits the nanoseconds */
  time?: { sec: number; nsec: number };
  /** target of a symbolic link, as a byte string */
  link?: string;
  /** extended attributes by name (a byte string) */
  xattrs?: ReadonlyMap<string, Uint8Array>;
  uname?: string;
  gname?: string;
  flags?: string;
  device?: { major: number; minor: number };
  resdevice?: { major: number; minor: number };
  inode?: number;
  cksum?: number;
  md5digest?: string;
  ripemd160digest?: string;
  sha1digest?: string;
  sha256digest?: string;
  sha384digest?: string;
  sha512digest?: string;
  sha512256digest?: string;
}

/** Formats the value of a keyword; returns undefined if the file does not have one. */
export type Formatter = (values: Values) => string | undefined;

/** Keywords with at most one value for each file: all except xattr and keywords that do not come from a file. */
export type SingleKeyword = Exclude<
  Keyword,
  'xattr' | 'contents' | 'tags' | 'ignore' | 'nochange' | 'optional'
>;

/** Formatters of all keywords. For keywords of go-mtree, the output is the same as go-mtree's. */
export const formatters: Readonly<Record<SingleKeyword, Formatter>> = {
  cksum: ({ cksum }) => decimal(cksum),
  device: ({ device }) => deviceNumber(device),
  flags: ({ flags }) => flags,
  gid: ({ gid }) => decimal(gid),
  gname: ({ gname }) => gname && vis(gname),
  inode: ({ inode }) => decimal(inode),
  link: ({ link }) => (link === undefined ? undefined : vis(link)),
  md5digest: ({ md5digest }) => md5digest,
  mode: ({ mode }) => octal(mode),
  nlink: ({ nlink }) => decimal(nlink),
  resdevice: ({ resdevice }) => deviceNumber(resdevice),
  ripemd160digest: ({ ripemd160digest }) => ripemd160digest,
  sha1digest: ({ sha1digest }) => sha1digest,
  sha256digest: ({ sha256digest }) => sha256digest,
  sha384digest: ({ sha384digest }) => sha384digest,
  sha512digest: ({ sha512digest }) => sha512digest,
  sha512256digest: ({ sha512256digest }) => sha512256digest,
  size: ({ size }) => decimal(size),
  tar_time: ({ time }) => time && `${time.sec}.000000000`,
  time: ({ time }) => time && `${time.sec}.${time.nsec.toString().padStart(9, '0')}`,
  type: ({ type }) => type,
  uid: ({ uid }) => decimal(uid),
  uname: ({ uname }) => uname && vis(uname),
};

/** Returns the names of extended attributes in byte order, with values in base64. */
export function formatXattrs(xattrs: ReadonlyMap<string, Uint8Array> | undefined): [string, string][] {
  if (xattrs === undefined || xattrs.size === 0) return [];
  return [...xattrs.keys()].sort().map((name) => [name, toBase64(xattrs.get(name)!)]);
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function decimal(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** Formats a number like `%#o` of printf. */
function octal(value: number): string {
  return value === 0 ? '0' : `0${value.toString(8)}`;
}

function deviceNumber(device: { major: number; minor: number } | undefined): string | undefined {
  return device && `native,${device.major},${device.minor}`;
}
