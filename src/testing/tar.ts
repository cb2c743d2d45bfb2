/**
 * Writes tars for tests byte by byte, with valid or invalid headers, independent of the code that reads tars. Strings are
 * bytes (latin1), as names in tars are; use `utf8()` for text.
 */

export type RawType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo' | 'pax' | 'global';

/** One entry. Defaults: owner 0:0, mode 0644 (directories 0755), mtime 1,000,000,000. */
export interface RawEntry {
  name: string;
  /** default: `file`; or a typeflag of one char, such as `L`, `S`, `V` */
  type?: RawType | (string & {});
  content?: string | Uint8Array;
  linkname?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  uname?: string;
  gname?: string;
  /** seconds; a fraction is written as a PAX record */
  mtime?: number;
  /** size in the header; default: the length of the content */
  size?: number;
  devMajor?: number;
  devMinor?: number;
  /** binary extended attributes by full name, written as SCHILY.xattr records */
  xattrs?: Record<string, string | Uint8Array>;
  /** more PAX records for this entry, in addition to records for long names, large numbers and xattrs */
  pax?: Record<string, string | Uint8Array>;
  /** `gnu`: long names as `L` and `K` entries, large numbers in base 256; default: `pax` */
  format?: 'pax' | 'gnu';
  /** changes the finished header, before its checksum is computed */
  patch?: (header: Buffer) => void;
  badChecksum?: boolean;
}

const typeflags: Record<string, string> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  dir: '5',
  fifo: '6',
  pax: 'x',
  global: 'g',
};

/** Returns the tar of the entries, with two zero blocks at the end unless `trailer` is false. */
export function tar(entries: RawEntry[], options: { trailer?: boolean } = {}): Buffer {
  const blocks = entries.flatMap(entryBlocks);
  if (options.trailer !== false) blocks.push(Buffer.alloc(1024));
  return Buffer.concat(blocks);
}

/** Returns text as UTF-8 bytes. */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Returns the content of a PAX header: `LENGTH KEY=VALUE\n` records. */
export function paxRecords(records: Record<string, string | Uint8Array>): Buffer {
  return Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, bytes(value))));
}

function entryBlocks(entry: RawEntry): Buffer[] {
  const content = bytes(entry.content ?? '');
  const { before, header } = extensions(entry);
  return [...before, fill(header, entry, content.length), padded(content)];
}

/** Returns the blocks before a header, for values that do not fit into it. */
function extensions(entry: RawEntry): { before: Buffer[]; header: RawEntry } {
  const header = { ...entry, mtime: Math.floor(entry.mtime ?? 1_000_000_000) };
  const before: Buffer[] = [];
  const records: Record<string, string | Uint8Array> = {};
  for (const [key, flag, pax] of [
    ['name', 'L', 'path'],
    ['linkname', 'K', 'linkpath'],
  ] as const) {
    const value = entry[key];
    if (value === undefined || value.length <= 100) continue;
    if (entry.format === 'gnu') {
      before.push(...entryBlocks({ name: '././@LongLink', type: flag, content: `${value}\0`, mtime: 0 }));
    } else records[pax] = value;
    header[key] = value.slice(0, 100);
  }
  if (entry.format !== 'gnu') {
    for (const key of ['uid', 'gid'] as const)
      if ((entry[key] ?? 0) > 0o7777777) records[key] = String(entry[key]);
    if (!Number.isInteger(entry.mtime ?? 0) || (entry.mtime ?? 0) < 0) records.mtime = String(entry.mtime);
  }
  for (const [key, value] of Object.entries(entry.xattrs ?? {})) records[`SCHILY.xattr.${key}`] = value;
  Object.assign(records, entry.pax);
  if (Object.keys(records).length > 0) {
    before.push(
      ...entryBlocks({ name: 'PaxHeaders/x', type: 'pax', content: paxRecords(records), mtime: 0 }),
    );
  }
  return { before, header };
}

function fill(entry: RawEntry, original: RawEntry, length: number): Buffer {
  const header = Buffer.alloc(512);
  const type = typeflags[entry.type ?? 'file'] ?? entry.type!;
  header.write(entry.name, 0, 100, 'latin1');
  number(header, 100, 8, entry.mode ?? (type === '5' ? 0o755 : 0o644), entry.format);
  number(header, 108, 8, entry.uid ?? 0, entry.format);
  number(header, 116, 8, entry.gid ?? 0, entry.format);
  number(header, 124, 12, entry.size ?? length, entry.format);
  number(header, 136, 12, entry.mtime ?? 0, entry.format);
  header.write(type, 156, 1, 'latin1');
  header.write(entry.linkname ?? '', 157, 100, 'latin1');
  header.write(entry.format === 'gnu' ? 'ustar  \0' : 'ustar\x0000', 257, 8, 'latin1');
  header.write(entry.uname ?? '', 265, 32, 'latin1');
  header.write(entry.gname ?? '', 297, 32, 'latin1');
  number(header, 329, 8, entry.devMajor ?? 0, entry.format);
  number(header, 337, 8, entry.devMinor ?? 0, entry.format);
  original.patch?.(header);
  header.fill(' ', 148, 156);
  let sum = original.badChecksum ? 1 : 0;
  // a loop takes a seventh of the time of reduce, and tests write hundreds of thousands of headers
  for (let at = 0; at < header.length; at++) sum += header[at]!;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return header;
}

/** Writes a number in octal if it fits; else in base 256 (GNU), or as 0 (PAX, where a record has the value). */
function number(header: Buffer, at: number, width: number, value: number, format: RawEntry['format']): void {
  const octal = value < 0 ? '' : value.toString(8);
  if (value >= 0 && octal.length < width) {
    header.write(`${octal.padStart(width - 1, '0')}\0`, at, width, 'latin1');
  } else if (format === 'gnu') {
    let rest = BigInt(value);
    for (let i = at + width - 1; i >= at; i--, rest >>= 8n) header[i] = Number(rest & 0xffn);
    header[at] = value < 0 ? 0xff : 0x80;
  } else header.write(`${'0'.repeat(width - 1)}\0`, at, width, 'latin1');
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, 'latin1'), value, Buffer.from('\n')]);
}

function bytes(value: string | Uint8Array): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from(value);
}
