import { statSync } from 'node:fs';
import { LayerhookError } from '../../errors/index.js';
import { fromText } from '../../system/bytes.js';
import { filesystemOf, tryAllocate } from '../../system/filesystem.js';

/** bytes, enough for the pages that a few transactions write anew */
const RESERVE = 512 * 1024;
/** bytes of a block of st_blocks; stat(2) */
const BLOCK = 512;

/**
 * Allocates space behind the end of a database, which grows into it when the disk is full: also what is to free space,
 * by forgetting a snapshot, writes before it frees.
 */
export function reserveSpace(path: string): void {
  const { size, blocks } = statSync(path);
  if (blocks * BLOCK < size + RESERVE) tryAllocate(fromText(path), size, 2 * RESERVE);
}

/** Leaves the reserve to what frees space. @throws LayerhookError NO_SPACE if the filesystem of `path` is full */
export function requireSpace(path: string): void {
  if (isFull(path)) throw new LayerhookError('NO_SPACE', { path });
}

/** Whether the filesystem of `path` has next to nothing left. */
export function isFull(path: string): boolean {
  const { size, free } = filesystemOf(fromText(path));
  // some filesystems do not say what they have
  return size > 0 && free < RESERVE;
}
