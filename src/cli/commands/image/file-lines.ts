import type { Time } from '../../../layer/types.js';
import { type ByteString, toText } from '../../../system/bytes.js';
import { baseName, childOf, parentOf } from '../../../system/paths.js';
import { decodeName } from '../../../text/json-names.js';
import { quoteIfOdd } from '../../umoci/go-format.js';

/** A file of an image as docs/json.md describes it. */
type Row = Record<string, unknown>;

const typeChars: Readonly<Record<string, string>> = {
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
export function fileLine(row: object): string {
  return showName(tarPath(row as Row));
}

/** Returns the facts of a file in one line, in the manner of ls(1). */
export function longLine(row: object): string {
  const { type, mode, uid = '-', gid = '-', size, mtime, device, layer } = row as Row;
  const bits = typeof mode === 'number' ? permissions(mode) : '---------';
  const path = fileLine(row);
  const link =
    type === 'symlink' || type === 'hardlink' ? ` -> ${showName(decodeName('link', row as Row))}` : '';
  const amount = Array.isArray(device) ? device.join(',') : String(size ?? '-');
  const owner = `${uid}:${gid}`;
  return `${typeChars[String(type)]}${bits} ${owner.padEnd(9)} ${amount.padStart(10)} ${time(mtime)} ${layer} ${path}${link}`;
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

function time(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '-'.padEnd(20);
  const date = new Date((value as Time).sec * 1000);
  return Number.isNaN(date.getTime()) ? '?'.padEnd(20) : `${date.toISOString().slice(0, 19)}Z`;
}
