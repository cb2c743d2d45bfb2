import type { ByteString } from '../system/bytes.js';
import { BadTar } from './bad.js';

/** The records of a PAX extended header that matter for a layer; POSIX.1-2017 pax, "pax Extended Header". */
export interface PaxRecords {
  /** values by keyword, as bytes; an empty value cancels that of a global header */
  values: Map<string, ByteString>;
  /** xattrs by full name, as bytes; an empty value is an empty xattr */
  xattrs: Map<ByteString, Buffer>;
  /** GNU sparse 0.0 and 0.1: offset, length, offset, length, ... */
  sparseMap: ByteString[];
}

/** Keywords that a global header may set. */
const shareable = new Set(['mtime', 'uid', 'gid', 'uname', 'gname']);

/** Keywords that a global header must not set, because some readers would apply them and others (Go's) would not. */
const perEntry = /^(path|linkpath|size|GNU\.sparse\..*)$/;

const known = /^(path|linkpath|size|mtime|uid|gid|uname|gname|GNU\.sparse\..*)$/;
const textual = new Set(['path', 'linkpath', 'uname', 'gname', 'GNU.sparse.name']);
const schilyPrefix = 'SCHILY.xattr.';
const libarchivePrefix = 'LIBARCHIVE.xattr.';

export const noRecords: PaxRecords = { values: new Map(), xattrs: new Map(), sparseMap: [] };

/**
 * Parses the content of a PAX header. Values are bytes, because xattrs are binary and names need not be UTF-8.
 *
 * @throws BadTar if a record is malformed, or a name or keyword holds a NUL (CVE-2026-59875)
 */
export function parsePax(data: Buffer): PaxRecords {
  const records: PaxRecords = { values: new Map(), xattrs: new Map(), sparseMap: [] };
  for (let at = 0; at < data.length; ) at = parseRecord(data, at, records);
  return records;
}

/** Merges the records of another global header into the global records. */
export function mergeGlobal(global: PaxRecords, next: PaxRecords): PaxRecords {
  const values = new Map(global.values);
  for (const [key, value] of next.values) {
    if (perEntry.test(key)) throw new BadTar(`a global PAX header sets ${key} for all entries`);
    if (shareable.has(key)) values.set(key, value);
  }
  if (next.sparseMap.length > 0) throw new BadTar('a global PAX header sets a sparse map for all entries');
  if (next.xattrs.size > 0) throw new BadTar('a global PAX header sets xattrs for all entries');
  return { ...noRecords, values };
}

/** Parses `LENGTH KEYWORD=VALUE\n` at `at`. Returns the offset of the next record. */
function parseRecord(data: Buffer, at: number, records: PaxRecords): number {
  let start = at;
  let length = 0;
  for (; start < data.length && data[start] !== 0x20; start++) {
    const digit = data[start]! - 0x30;
    if (digit < 0 || digit > 9) throw new BadTar('a PAX record has no length');
    length = length * 10 + digit;
    if (length > data.length) throw new BadTar('a PAX record is longer than its header');
  }
  start++;
  const end = at + length;
  if (end > data.length || end <= start) throw new BadTar('a PAX record is longer than its header');
  if (data[end - 1] !== 0x0a) throw new BadTar('a PAX record does not end in a newline');
  const equals = data.indexOf(0x3d, start);
  if (equals <= start || equals >= end) throw new BadTar('a PAX record has no keyword');
  store(records, data.toString('latin1', start, equals), data.subarray(equals + 1, end - 1));
  return end;
}

function store(records: PaxRecords, key: ByteString, value: Buffer): void {
  if (key.includes('\0')) throw new BadTar('a PAX keyword holds a NUL');
  if (key.startsWith(schilyPrefix))
    records.xattrs.set(xattrName(key.slice(schilyPrefix.length)), Buffer.from(value));
  else if (key.startsWith(libarchivePrefix))
    storeLibarchive(records, key.slice(libarchivePrefix.length), value);
  else if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') storeSparse(records, key, value);
  else if (key === 'GNU.sparse.map') records.sparseMap = value.length === 0 ? [] : text(value).split(',');
  else if (known.test(key)) {
    if (textual.has(key) && value.includes(0)) throw new BadTar(`PAX ${key} holds a NUL`);
    records.values.set(key, text(value));
  }
}

/** Stores libarchive's form of an xattr: URL-encoded name, base64 value. It writes SCHILY records too, which win. */
function storeLibarchive(records: PaxRecords, encoded: ByteString, value: Buffer): void {
  const name = xattrName(
    encoded.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
  if (!records.xattrs.has(name)) records.xattrs.set(name, Buffer.from(text(value), 'base64'));
}

function xattrName(name: ByteString): ByteString {
  if (name === '' || name.includes('\0')) throw new BadTar('an xattr has no valid name');
  return name;
}

/** Stores a record of GNU sparse 0.0, which repeats a pair of keywords in turn for each stretch of data. */
function storeSparse(records: PaxRecords, key: string, value: Buffer): void {
  const expected = records.sparseMap.length % 2 === 0 ? 'GNU.sparse.offset' : 'GNU.sparse.numbytes';
  if (key !== expected) throw new BadTar('GNU.sparse.offset and GNU.sparse.numbytes do not alternate');
  records.sparseMap.push(text(value));
}

function text(value: Buffer): ByteString {
  return value.toString('latin1', 0, value.length);
}
