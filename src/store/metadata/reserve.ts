import { constants, fstatSync, ftruncateSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { fromText } from '../../system/bytes.js';
import { writeAndClose } from '../../system/close-on-error.js';
import { SystemError } from '../../system/errno.js';
import { canWriteMapped, filesystemOf, tryAllocate } from '../../system/filesystem.js';
import { statBlockBytes } from '../../system/stat.js';

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
/** bytes, enough for the pages that a few transactions rewrite */
const reserveBytes = 512 * 1024;
/** bytes, slightly more than the size of LMDB's lock file with our number of readers */
const lockBytes = 68 * 1024;

/**
 * Allocates space after the end of a database, into which it grows when the disk is full. Even an operation that frees
 * space, such as removing a snapshot, writes to the database first.
 */
export function reserveSpace(path: string): void {
  const { size, blocks } = statSync(path);
  if (blocks * statBlockBytes < size + reserveBytes) tryAllocate(fromText(path), size, 2 * reserveBytes);
}

/**
 * Makes opening LMDB safe on a full disk, where it could kill the process (SIGBUS, SIGSEGV): allocates all blocks of the
 * lock file, which LMDB maps into memory, and refuses to create a new database. Under an exceeded quota of btrfs, the
 * kernel refuses each write to a mapped file, even to allocated blocks.
 *
 * @throws LayerhookError NO_SPACE, and errors of node:fs
 */
export function reserveToOpen(path: string): void {
  const lock = `${path}-lock`;
  const found = statSync(lock, { throwIfNoEntry: false });
  if (found === undefined || found.blocks * statBlockBytes < lockBytes) {
    const fd = openSync(lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    writeAndClose(fd, fromText(lock), () => {
      // LMDB accepts a file that is larger than it needs
      if (fstatSync(fd).size === 0) ftruncateSync(fd, lockBytes);
    });
    // some filesystems do not support fallocate(2)
    if (!tryAllocate(fromText(lock), 0, lockBytes)) requireSpace(dirname(path));
  }
  if (!canWriteMapped(fromText(lock), statSync(lock).size))
    throw new LayerhookError('NO_SPACE', { path: lock }, new SystemError('EDQUOT', 'mmap', fromText(lock)));
  if (!statSync(path, { throwIfNoEntry: false })?.size) requireSpace(dirname(path));
}

/** Keeps the reserve for operations that free space. @throws LayerhookError NO_SPACE if the filesystem of `path` is full */
export function requireSpace(path: string): void {
  if (isFull(path)) throw new LayerhookError('NO_SPACE', { path });
}

/** True if the filesystem of `path` has less free space than the reserve. */
export function isFull(path: string): boolean {
  const { size, free } = filesystemOf(fromText(path));
  // some filesystems report a size of 0
  return size > 0 && free < reserveBytes;
}
