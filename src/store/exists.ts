import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { nearestDirectory } from '../system/make-directory.js';

/** The file with a store's metadata. */
export function databaseOf(root: string): string {
  return join(root, 'metadata', 'store.mdb');
}

/** The directory of a store's contents. */
export function snapshotsOf(root: string): string {
  return join(root, 'snapshots');
}

/**
 * Whether there is a layer store at a path, also one that has lost its metadata.
 *
 * @throws LayerhookError DIRECTORY_INVALID if something else is there, SYSTEM
 */
export function storeExists(root: string): boolean {
  if (nearestDirectory(root) !== root) return false;
  return look(databaseOf(root)) !== undefined || look(snapshotsOf(root)) !== undefined;
}

/** Whether something has been written down in a store. @throws LayerhookError SYSTEM */
export function hasMetadata(root: string): boolean {
  const found = look(databaseOf(root));
  return found !== undefined && found.size > 0;
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fsError(error, `looking at ${path}`);
  }
}
