import type { EntryRow, FileRow } from '../../../engine/image/list-files.js';
import type { Time } from '../../../layer/types.js';
import { type ByteString, toText } from '../../../system/bytes.js';
import { baseName, childOf, parentOf } from '../../../system/paths.js';
import { decodeName } from '../../../text/json-names.js';
import { quoteIfOdd } from '../../umoci/go-format.js';

type Row = FileRow | EntryRow;

const typeChars: Readonly<Record<Row['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  char: 'c',
  block: 'b',
  fifo: 'p',
  whiteout: 'w',
  opaque: 'o',
};

/** Returns the path of a file; of a whiteout, as the tar has it. */
export function fileLine(row: Row): string {
  return showName(tarPath(row));
}

/** Returns the facts of a file in one line, in the manner of ls(1). */
export function longLine(row: Row): string {
  const { type, mode, uid = '-', gid = '-', size, mtime, device, layer } = row;
  const bits = mode === undefined ? '---------' : permissions(mode);
  const path = fileLine(row);
  const link = type === 'symlink' || type === 'hardlink' ? ` -> ${showName(decodeName('link', row))}` : '';
  const amount = device?.join(',') ?? String(size ?? '-');
  const owner = `${uid}:${gid}`;
  return `${typeChars[type]}${bits} ${owner.padEnd(9)} ${amount.padStart(10)} ${time(mtime)} ${layer} ${path}${link}`;
}

/** Returns a name for a terminal: quoted if it is not text, or has characters that a reader could miss. */
export function showName(name: ByteString): string {
  const text = toText(name);
  if (text !== undefined) return quoteIfOdd(text, false);
  const escaped = name.replace(/[^ -~]|["\\]/g, (char) =>
    char === '"' || char === '\\' ? `\\${char}` : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${escaped}"`;
}

function tarPath(row: Row): ByteString {
  const path = decodeName('path', row);
  if (row.type === 'whiteout') return childOf(parentOf(path), `.wh.${baseName(path)}`);
  return row.type === 'opaque' ? childOf(path, '.wh..wh..opq') : path;
}

function permissions(mode: number): string {
  const chars = [...'rwxrwxrwx'].map((char, at) => ((mode >> (8 - at)) & 1 ? char : '-'));
  const special = (bit: number, at: number, char: string) => {
    if (mode & bit) chars[at] = chars[at] === 'x' ? char : char.toUpperCase();
  };
  special(0o4000, 2, 's');
  special(0o2000, 5, 's');
  special(0o1000, 8, 't');
  return chars.join('');
}

function time(value: Time | undefined): string {
  if (value === undefined) return '-'.padEnd(20);
  const date = new Date(value.sec * 1000);
  return Number.isNaN(date.getTime()) ? '?'.padEnd(20) : `${date.toISOString().slice(0, 19)}Z`;
}
