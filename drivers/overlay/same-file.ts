import { readSync } from 'node:fs';
import type { Steps } from 'layerhook';
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

/** Of the host. */
const hostXattrs: ReadonlySet<ByteString> = new Set(['security.selinux', 'system.nfs4_acl']);

/**
 * Returns true if a layer holds the same of two files, their content aside: type, mode, owner, mtime in seconds, size,
 * device, link, attributes. Layers that repack writes have times in seconds, and umoci compares no more (tar_time).
 *
 * @param packed true if `b` is in a layer that was made of `a`: a repack may have cut its time to an epoch
 */
export function hasSameMetadata(
  a: FileAt,
  b: FileAt,
  { format, packed }: { format: OverlayFormat; packed: boolean },
): boolean {
  const [x, y] = [a.stat, b.stat];
  if (x.type !== y.type || x.mode !== y.mode || x.uid !== y.uid || x.gid !== y.gid) return false;
  if (x.mtimeSec !== y.mtimeSec && !(packed && y.mtimeNsec === 0 && y.mtimeSec < x.mtimeSec)) return false;
  if ((x.isFile || x.isSymlink) && x.size !== y.size) return false;
  if (x.rdevMajor !== y.rdevMajor || x.rdevMinor !== y.rdevMinor) return false;
  if (x.isSymlink && readlinkat(a.dirfd, a.name) !== readlinkat(b.dirfd, b.name)) return false;
  return haveSameXattrs(pathOf(a), pathOf(b), format);
}

/** Whether two regular files of the same size have the same content. A file that cannot be read is like none. */
export function* hasSameContent(
  a: Pick<FileAt, 'dirfd' | 'name'>,
  b: Pick<FileAt, 'dirfd' | 'name'>,
): Steps<boolean> {
  if (a.dirfd === b.dirfd && a.name === b.name) return true;
  const first = openFile(a);
  if (first < 0) return false;
  try {
    const second = openFile(b);
    if (second < 0) return false;
    try {
      return yield* compare(first, second);
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
  const now = layerXattrs(a, format);
  const before = layerXattrs(b, format);
  return now.size === before.size && [...now].every(([name, value]) => before.get(name)?.equals(value));
}

/** The attributes that a layer can hold: not the host's, nor overlayfs' own, nor what PAX headers have no room for. */
function layerXattrs(path: ByteString, format: OverlayFormat): Map<ByteString, Buffer> {
  const found = new Map<ByteString, Buffer>();
  for (const name of namesOf(path)) {
    if (hostXattrs.has(name) || isMark(name, format) || name.includes('=')) continue;
    const value = getXattr(path, name);
    if (value !== undefined && value.length > 0) found.set(name, value);
  }
  return found;
}

function openFile({ dirfd, name }: Pick<FileAt, 'dirfd' | 'name'>): number {
  return tryOpenat(dirfd, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
}

const chunk = 256 * 1024;

function* compare(first: number, second: number): Steps<boolean> {
  const [a, b] = [Buffer.allocUnsafe(chunk), Buffer.allocUnsafe(chunk)];
  for (;;) {
    const count = fill(first, a);
    if (fill(second, b) !== count || a.compare(b, 0, count, 0, count) !== 0) return false;
    if (count < chunk) return true;
    yield;
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
