import type { EntryType } from './entry.js';
import type { Keyword } from './keywords.js';
import { vis } from './vis.js';

/** What a manifest says of one file, as numbers, bytes and hex digits. A keyword without a value is left out. */
export interface Values {
  type: EntryType;
  uid: number;
  gid: number;
  /** permission, setuid, setgid and sticky bits */
  mode: number;
  nlink: number;
  /** bytes, as lstat gives them: of directories and symbolic links too */
  size?: number;
  /** last modification; `tar_time` leaves the nanoseconds out */
  time?: { sec: number; nsec: number };
  /** target of a symbolic link: a byte string */
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

/** How a keyword's value is written; undefined where the file has none. */
export type Formatter = (values: Values) => string | undefined;

/** Keywords of which a file has one value at most: all but xattr and those that no file has. */
export type SingleKeyword = Exclude<
  Keyword,
  'xattr' | 'contents' | 'tags' | 'ignore' | 'nochange' | 'optional'
>;

/** One formatter for each keyword, writing as go-mtree does where it knows the keyword. */
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

/** The names of extended attributes in byte order, with their values in base64. */
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

/** As printf's `%#o`. */
function octal(value: number): string {
  return value === 0 ? '0' : `0${value.toString(8)}`;
}

function deviceNumber(device: { major: number; minor: number } | undefined): string | undefined {
  return device && `native,${device.major},${device.minor}`;
}
