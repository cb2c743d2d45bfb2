import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fsError } from '../errors/fs-error.js';
import { nearestDirectory } from '../system/make-directory.js';

/** The file with a store's metadata: where it is, a store is. */
export function databaseOf(root: string): string {
  return join(root, 'metadata', 'store.mdb');
}

/**
 * Whether there is a layer store at a path.
 *
 * @throws LayerhookError DIRECTORY_INVALID if something else is there, SYSTEM
 */
export function storeExists(root: string): boolean {
  if (nearestDirectory(root) !== root) return false;
  try {
    return statSync(databaseOf(root), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw fsError(error, `looking for a layer store at ${root}`);
  }
}
