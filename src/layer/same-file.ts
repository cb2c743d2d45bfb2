import { readSync } from 'node:fs';
import { readlinkat, tryOpenat } from '../system/access.js';
import type { ByteString } from '../system/bytes.js';
import { E } from '../system/errno.js';
import { AT_FDCWD, close, O } from '../system/files.js';
import { check } from '../system/libc.js';
import type { StatBuffer } from '../system/stat.js';
import type { Steps } from '../system/steps.js';
import { getXattr, pathIn } from '../system/xattr.js';
import { isHostXattr } from './host-xattrs.js';
import { isMark, type OverlayFormat, xattrNames } from './overlay-marks.js';

/** A file by its name in an open directory, or by its path with AT_FDCWD, and its stat. */
export interface FileAt {
  dirfd: number;
  name: ByteString;
  stat: StatBuffer;
}

/**
 * Returns true if a layer would hold the same metadata for two files: type, mode, owner, mtime in seconds, size, device,
 * link target, attributes. Layers that repack writes have times in seconds, and umoci compares only those (tar_time).
 *
 * @param format of the overlay whose marks are left out; null: plain directories
 * @param packed true if `b` is in a layer that was made of `a`: a repack may have cut its time to an epoch
 */
export function hasSameMetadata(
  a: FileAt,
  b: FileAt,
  { format, packed }: { format: OverlayFormat | null; packed: boolean },
): boolean {
  const [x, y] = [a.stat, b.stat];
  if (x.type !== y.type || x.mode !== y.mode || x.uid !== y.uid || x.gid !== y.gid) return false;
  if (x.mtimeSec !== y.mtimeSec && !(packed && y.mtimeNsec === 0 && y.mtimeSec < x.mtimeSec)) return false;
  if ((x.isFile || x.isSymlink) && x.size !== y.size) return false;
  if (x.rdevMajor !== y.rdevMajor || x.rdevMinor !== y.rdevMinor) return false;
  if (x.isSymlink && readlinkat(a.dirfd, a.name) !== readlinkat(b.dirfd, b.name)) return false;
  return haveSameXattrs(pathOf(a), pathOf(b), format);
}

/**
 * Returns true if two regular files of the same size have the same content; false if one is gone or may not be read.
 *
 * @throws SystemError for another failure: a file that only seems to differ would be packed again, or carried over
 */
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

/** Returns a path for the calls on attributes. */
export function pathOf({ dirfd, name }: Pick<FileAt, 'dirfd' | 'name'>): ByteString {
  return dirfd === AT_FDCWD ? name : pathIn(dirfd, name);
}

function haveSameXattrs(a: ByteString, b: ByteString, format: OverlayFormat | null): boolean {
  const now = layerXattrs(a, format);
  const before = layerXattrs(b, format);
  return now.size === before.size && [...now].every(([name, value]) => before.get(name)?.equals(value));
}

/** Returns the attributes that a layer can hold: those of the host and of overlayfs stay out, and PAX allows no `=`. */
function layerXattrs(path: ByteString, format: OverlayFormat | null): Map<ByteString, Buffer> {
  const found = new Map<ByteString, Buffer>();
  for (const name of xattrNames(path)) {
    if (isHostXattr(name) || (format !== null && isMark(name, format)) || name.includes('=')) continue;
    const value = getXattr(path, name);
    if (value !== undefined && value.length > 0) found.set(name, value);
  }
  return found;
}

const unopenable: readonly number[] = [E.ENOENT, E.ENOTDIR, E.ELOOP, E.ENXIO, E.EACCES, E.EPERM];

/** @returns a negative number if the file is gone, is of another type, or may not be read. @throws SystemError */
function openFile({ dirfd, name }: Pick<FileAt, 'dirfd' | 'name'>): number {
  const fd = tryOpenat(dirfd, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY);
  return unopenable.includes(-fd) ? fd : check(fd, 'openat', name);
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

/** Reads until the buffer is full or the file ends: one read may return less. */
function fill(fd: number, buffer: Buffer): number {
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return length;
}
