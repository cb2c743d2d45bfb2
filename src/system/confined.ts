import { fstatSync, readSync } from 'node:fs';
import { systemWords } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { tryWithAccess } from './access.js';
import { type ByteString, fromText, showBytes } from './bytes.js';
import { E, isErrno, SystemError } from './errno.js';
import { AT_FDCWD, close, O, openat, readlinkat } from './files.js';
import { cString, result, syscallFunction } from './libc.js';
import { maxSymlinks } from './path-limits.js';
import { componentsReversed } from './paths.js';
import { StatBuffer, statAt, statFd } from './stat.js';

/** Flags for how openat2(2) resolves a path. */
export const RESOLVE = { NO_XDEV: 0x01, NO_MAGICLINKS: 0x02, IN_ROOT: 0x10 } as const;

const openat2 = syscallFunction<[number, Buffer, how: Buffer, size: number]>(
  'openat2',
  'long, void*, void*, long',
);
const how = Buffer.alloc(24);

/**
 * Reads a regular file in an untrusted rootfs. Symlinks are followed as if `rootfs` were `/`. Only a regular file is
 * opened, so that a FIFO cannot block and a device has no effect (CVE-2024-9676), and at most `maxBytes` are read
 * (CVE-2026-47262).
 *
 * @param path in the rootfs, with or without a leading slash
 * @returns the content, or null if the file does not exist
 * @throws LayerhookError IMAGE_INVALID for another file type, LIMIT_EXCEEDED for a larger file, SYSTEM
 */
export function readInRootfs(rootfs: string, path: ByteString, maxBytes: number): Buffer | null {
  try {
    return readConfined(rootfs, path, maxBytes);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    const what = showBytes(path);
    if (isErrno(error, 'ELOOP')) throw irregular(what, 'too many symlinks', error);
    if (!(error instanceof SystemError)) throw error;
    throw new LayerhookError(
      'SYSTEM',
      {
        what: `cannot read ${what} of ${rootfs}`,
        reason: systemWords(error),
        expected: 'check its permissions',
      },
      error,
    );
  }
}

/**
 * Opens `path` below `rootfs`, resolving symlinks and `..` as if `rootfs` were `/`. Uses openat2(2) with RESOLVE_IN_ROOT,
 * or opens component by component if openat2 is missing (before Linux 5.6, or behind a seccomp filter).
 *
 * @returns the file descriptor
 * @throws SystemError; ELOOP for more than 40 symlinks
 */
export function openInRootfs(rootfs: string, path: ByteString, flags: number): number {
  const root = openat(AT_FDCWD, fromText(rootfs), O.PATH | O.DIRECTORY);
  try {
    const resolve = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;
    const fd = tryWithAccess(root, path, () => tryOpenat2(root, path, flags, resolve));
    if (fd >= 0) return fd;
    if (fd !== -E.ENOSYS && fd !== -E.EPERM) throw new SystemError(-fd, 'openat2', path);
    return walk(root, path, flags);
  } finally {
    close(root);
  }
}

function readConfined(rootfs: string, path: ByteString, maxBytes: number): Buffer {
  // O_PATH opens without side effects: it shows the file type before the file is opened for reading
  const probe = openInRootfs(rootfs, path, O.PATH);
  try {
    requireRegular(probe, path);
  } finally {
    close(probe);
  }
  const fd = openInRootfs(rootfs, path, O.RDONLY | O.NONBLOCK | O.NOCTTY);
  try {
    requireRegular(fd, path);
    return readCapped(fd, path, maxBytes);
  } finally {
    close(fd);
  }
}

function requireRegular(fd: number, path: ByteString): void {
  const stat = new StatBuffer();
  statFd(fd, stat, path);
  if (!stat.isFile) throw irregular(showBytes(path), 'not a regular file');
}

function readCapped(fd: number, path: ByteString, maxBytes: number): Buffer {
  const { size } = fstatSync(fd);
  const tooLarge = () => new LayerhookError('LIMIT_EXCEEDED', { what: showBytes(path), limit: maxBytes });
  if (size > maxBytes) throw tooLarge();
  // one byte more than allowed: detects a file that grows during the read instead of truncating it
  const buffer = Buffer.alloc(Math.min(size, maxBytes) + 1);
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  if (length > maxBytes) throw tooLarge();
  return buffer.subarray(0, length);
}

/**
 * Opens a file; openat2(2).
 *
 * @returns the descriptor, or a negative errno: ENOSYS before Linux 5.6, EPERM behind a seccomp filter
 */
export function tryOpenat2(dirfd: number, path: ByteString, flags: number, resolve: number): number {
  how.writeBigUInt64LE(BigInt(flags | O.CLOEXEC), 0);
  how.writeBigUInt64LE(0n, 8);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  // EAGAIN: another process renamed a directory during the resolution
  for (let attempt = 0; attempt < 100; attempt++) {
    const fd = result(openat2(dirfd, cString(path), how, how.length));
    if (fd !== -E.EAGAIN) return fd;
  }
  return -E.EAGAIN;
}

/** Resolves a path as openat2 does. `opened` holds the directories below the root, for `..`, which stops at the root. */
export function walk(root: number, path: ByteString, flags: number): number {
  const opened: number[] = [];
  const here = () => opened.at(-1) ?? root;
  const todo = componentsReversed(path);
  const stat = new StatBuffer();
  let links = 0;
  try {
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === '..') {
        const up = opened.pop();
        if (up !== undefined) close(up);
        continue;
      }
      if (!statAt(here(), name, stat)) throw new SystemError(E.ENOENT, 'openat', path);
      if (stat.isSymlink) {
        if (++links > maxSymlinks) throw new SystemError(E.ELOOP, 'openat', path);
        const target = readlinkat(here(), name);
        if (target.startsWith('/')) for (const fd of opened.splice(0)) close(fd);
        todo.push(...componentsReversed(target));
      } else if (todo.length > 0) {
        opened.push(openat(here(), name, O.PATH | O.DIRECTORY | O.NOFOLLOW));
      } else {
        return openat(here(), name, flags | O.NOFOLLOW);
      }
    }
    return openat(here(), '.', flags | O.DIRECTORY);
  } finally {
    for (const fd of opened) close(fd);
  }
}

function irregular(what: string, reason: string, cause?: unknown): LayerhookError {
  return new LayerhookError('IMAGE_INVALID', { what, reason }, cause);
}
