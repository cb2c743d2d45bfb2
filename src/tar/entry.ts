import type { ByteString } from '../system/bytes.js';
import { BadTar } from './bad.js';
import type { TarHeader } from './header.js';
import { parseDecimal, parseTime } from './numbers.js';
import { noRecords, type PaxRecords } from './pax.js';
import type { EntryType, TarEntry, Time } from './types.js';

/** Extended headers before an entry's own header, which override its fields. */
export interface EntryPrelude {
  pax: PaxRecords;
  global: PaxRecords;
  longName: ByteString;
  longLink: ByteString;
}

/** The largest valid id. 2^32-1 means "unchanged" to chown(2): such an owner would silently become root. */
const maxID = 0xfffffffe;

const typeByFlag: Partial<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  // a contiguous file, which today's systems treat as an ordinary one
  '7': 'file',
  S: 'file',
};

/** Returns the type of an entry, or undefined if a layer cannot hold entries with this flag. */
export function entryType(flag: number, name: ByteString): EntryType | undefined {
  // the V7 format had no type for directories
  if (flag === 0 && name.endsWith('/')) return 'directory';
  return typeByFlag[String.fromCharCode(flag)];
}

/** Returns the effective name of the entry. */
export function entryName(header: TarHeader, { longName, pax }: EntryPrelude): ByteString {
  return longOf('name', longName, pax.values.get('path')) || header.name;
}

/**
 * Returns the bytes of content after the header. Only files have content. Some writers put a size into the headers of
 * links or directories; it means nothing. A PAX size of such an entry is refused, because readers disagree about it.
 */
export function storedSize(header: TarHeader, type: EntryType, { pax }: EntryPrelude): number {
  const record = pax.values.get('size');
  const size = record ? parseDecimal(record) : header.size;
  if (!Number.isSafeInteger(size)) throw new BadTar('size is malformed or too large');
  if (size < 0) throw new BadTar(`size is negative (${size})`);
  if (type === 'file') return size;
  if (record && size > 0) throw new BadTar(`a ${type} has a PAX size of ${size}`);
  return 0;
}

/** Creates an entry from its header and the extended headers before it. */
export function makeEntry(header: TarHeader, type: EntryType, size: number, prelude: EntryPrelude): TarEntry {
  const { pax, global, longLink } = prelude;
  const value = (key: string) => pax.values.get(key) ?? global.values.get(key);
  const plain = pax === noRecords && global === noRecords;
  return {
    name: entryName(header, prelude),
    type,
    size,
    mode: number('mode', header.mode) & 0o7777,
    uid: id('uid', plain ? undefined : value('uid'), header.uid),
    gid: id('gid', plain ? undefined : value('gid'), header.gid),
    uname: (plain ? '' : value('uname')) || header.uname,
    gname: (plain ? '' : value('gname')) || header.gname,
    mtime: time(plain ? undefined : value('mtime'), header.mtime),
    linkname: longOf('link target', longLink, pax.values.get('linkpath')) || header.linkname,
    devMajor: device('devmajor', header.devMajor),
    devMinor: device('devminor', header.devMinor),
    xattrs: pax.xattrs,
  };
}

/** Returns GNU's or PAX's long name. Refuses two that differ, because readers disagree about which one counts. */
function longOf(what: string, gnu: ByteString, pax: ByteString = ''): ByteString {
  if (gnu !== '' && pax !== '' && gnu !== pax) throw new BadTar(`an entry has two long ${what}s`);
  return gnu || pax;
}

function number(field: string, value: number): number {
  if (!Number.isSafeInteger(value)) throw new BadTar(`${field} is malformed or too large`);
  return value;
}

function id(field: string, record: string | undefined, inHeader: number): number {
  const value = number(field, record ? parseDecimal(record) : inHeader);
  if (value < 0 || value > maxID) throw new BadTar(`${field} ${value} is not a valid owner`);
  return value;
}

function time(record: string | undefined, inHeader: number): Time {
  if (!record) return { sec: number('mtime', inHeader), nsec: 0 };
  const parsed = parseTime(record);
  if (parsed === undefined) throw new BadTar('PAX mtime is malformed');
  return parsed;
}

function device(field: string, value: number): number {
  if (number(field, value) < 0 || value > 0xffffffff)
    throw new BadTar(`${field} ${value} is not a valid device number`);
  return value;
}
