import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { nearestDirectory } from '../system/make-directory.js';

/** Returns the path of a store's metadata file. */
export function databaseOf(root: string): string {
  return join(root, 'metadata', 'store.mdb');
}

/** Returns the directory of a store's contents. */
export function snapshotsOf(root: string): string {
  return join(root, 'snapshots');
}

/**
 * True if a layer store exists at a path, with or without its metadata.
 *
 * @throws LayerhookError DIRECTORY_INVALID if the path is not a directory, SYSTEM
 */
export function storeExists(root: string): boolean {
  if (nearestDirectory(root) !== root) return false;
  return look(databaseOf(root)) !== undefined || look(snapshotsOf(root)) !== undefined;
}

/** True if a store has non-empty metadata. @throws LayerhookError SYSTEM */
export function hasMetadata(root: string): boolean {
  const found = look(databaseOf(root));
  return found !== undefined && found.size > 0;
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fsError(error, `reading ${path}`);
  }
}
