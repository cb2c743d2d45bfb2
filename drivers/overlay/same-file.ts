import { readSync } from 'node:fs';
import {
  AT_FDCWD,
  type ByteString,
  close,
  getXattr,
  O,
  pathIn,
  readlinkat,
  type StatBuffer,
  tryOpenat,
} from 'layerhook/system';
import { isMark, namesOf, type OverlayFormat } from './marks.js';

/** A file in an open directory, or by its path with AT_FDCWD; and what it is. */
export interface FileAt {
  dirfd: number;
  name: ByteString;
  stat: StatBuffer;
}

/** Of the host, never in a layer. */
const hostXattrs: ReadonlySet<ByteString> = new Set(['security.selinux', 'system.nfs4_acl']);

/** Where the words are in struct statx that a layer holds of any file but its type's own; statx(2). */
const word = { uid: 5, gid: 6, mode: 7, mtimeSec: 28, mtimeSecHigh: 29, mtimeNsec: 30 };
const kept = [word.uid, word.gid, word.mtimeSec, word.mtimeSecHigh, word.mtimeNsec];

/** Whether two files are the same to a layer but for their content: type, mode, owner, mtime, size, device, link, attributes. */
export function hasSameMetadata(a: FileAt, b: FileAt, format: OverlayFormat): boolean {
  const [x, y] = [a.stat, b.stat];
  if (x.type !== y.type || x.mode !== y.mode) return false;
  if (kept.some((at) => x.words[at] !== y.words[at])) return false;
  if ((x.isFile || x.isSymlink) && x.size !== y.size) return false;
  if (x.rdevMajor !== y.rdevMajor || x.rdevMinor !== y.rdevMinor) return false;
  if (x.isSymlink && readlinkat(a.dirfd, a.name) !== readlinkat(b.dirfd, b.name)) return false;
  return haveSameXattrs(pathOf(a), pathOf(b), format);
}

/** Whether two regular files of the same size have the same content. A file that cannot be read is like none. */
export function hasSameContent(
  a: Pick<FileAt, 'dirfd' | 'name'>,
  b: Pick<FileAt, 'dirfd' | 'name'>,
): boolean {
  if (a.dirfd === b.dirfd && a.name === b.name) return true;
  const first = openFile(a);
  if (first < 0) return false;
  try {
    const second = openFile(b);
    if (second < 0) return false;
    try {
      return compare(first, second);
    } finally {
      close(second);
    }
  } finally {
    close(first);
  }
}

/** What the calls on attributes take. */
export function pathOf({ dirfd, name }: Pick<FileAt, 'dirfd' | 'name'>): ByteString {
  return dirfd === AT_FDCWD ? name : pathIn(dirfd, name);
}

function haveSameXattrs(a: ByteString, b: ByteString, format: OverlayFormat): boolean {
  const counts = (name: ByteString) => !hostXattrs.has(name) && !isMark(name, format);
  const names = namesOf(a).filter(counts);
  const others = new Set(namesOf(b).filter(counts));
  if (names.length !== others.size) return false;
  return names.every((name) => {
    const value = others.has(name) && getXattr(a, name);
    return value && getXattr(b, name)?.equals(value) === true;
  });
}

function openFile({ dirfd, name }: Pick<FileAt, 'dirfd' | 'name'>): number {
  return tryOpenat(dirfd, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
}

const chunk = 256 * 1024;

function compare(first: number, second: number): boolean {
  const [a, b] = [Buffer.allocUnsafe(chunk), Buffer.allocUnsafe(chunk)];
  for (;;) {
    const count = fill(first, a);
    if (fill(second, b) !== count || a.compare(b, 0, count, 0, count) !== 0) return false;
    if (count < chunk) return true;
  }
}

/** A read may give less than there is. */
function fill(fd: number, buffer: Buffer): number {
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return length;
}
