import { closeSync, constants, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import { fromText } from '../../system/bytes.js';
import { filesystemOf, tryAllocate } from '../../system/filesystem.js';

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
/** bytes, enough for the pages that a few transactions write anew */
const reserveBytes = 512 * 1024;
/** somewhat more than LMDB's lock file has for the readers that we ask for */
const lockBytes = 68 * 1024;
/** bytes of a block of st_blocks; stat(2) */
const blockBytes = 512;

/**
 * Allocates space behind the end of a database, which grows into it when the disk is full: also what is to free space,
 * by forgetting a snapshot, writes before it frees.
 */
export function reserveSpace(path: string): void {
  const { size, blocks } = statSync(path);
  if (blocks * blockBytes < size + reserveBytes) tryAllocate(fromText(path), size, 2 * reserveBytes);
}

/**
 * Sees to it that LMDB can be opened on a full disk, where it ends the process (SIGBUS, SIGSEGV) else: its lock file is
 * memory that is mapped, and gets all its blocks before; a database that is not there is not begun.
 *
 * @throws LayerhookError NO_SPACE, and as node:fs
 */
export function reserveToOpen(path: string): void {
  const lock = `${path}-lock`;
  const found = statSync(lock, { throwIfNoEntry: false });
  if (found === undefined || found.blocks * blockBytes < lockBytes) {
    closeSync(openSync(lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600));
    // some filesystems cannot allocate
    if (!tryAllocate(fromText(lock), 0, lockBytes)) requireSpace(dirname(path));
  }
  if (!statSync(path, { throwIfNoEntry: false })?.size) requireSpace(dirname(path));
}

/** Leaves the reserveBytes to what frees space. @throws LayerhookError NO_SPACE if the filesystem of `path` is full */
export function requireSpace(path: string): void {
  if (isFull(path)) throw new LayerhookError('NO_SPACE', { path });
}

/** Whether the filesystem of `path` has next to nothing left. */
export function isFull(path: string): boolean {
  const { size, free } = filesystemOf(fromText(path));
  // some filesystems do not say what they have
  return size > 0 && free < reserveBytes;
}
