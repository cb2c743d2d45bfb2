import { basename, dirname, resolve } from 'node:path';
import { systemWords } from '../../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../../errors/index.js';
import { type ByteString, fromText } from '../../../system/bytes.js';
import { close } from '../../../system/files.js';
import { tryRemoveTreeAt } from '../../../system/remove.js';
import { openTrustedDirectory } from '../../../system/trusted-directory.js';

/** Where a hook wants a layer: an open directory, which others may write to, and a name in it. */
export interface Target {
  path: string;
  directory: number;
  name: ByteString;
}

/**
 * Opens the directory of a target. A symlink on the way is followed only if another user cannot have made it.
 *
 * @param given absolute path
 * @throws LayerhookError DIRECTORY_INVALID; Error
 */
export function openTarget(given: string): Target {
  const path = resolve(given);
  if (path === '/') throw new LayerhookError('DIRECTORY_INVALID', { path, reason: 'it has no name' });
  try {
    return { path, directory: openTrustedDirectory(dirname(path)), name: fromText(basename(path)) };
  } catch (error) {
    if (isLayerhookError(error)) throw error;
    throw new Error(`cannot open the directory of ${path}: ${systemWords(error)}`, { cause: error });
  }
}

/** Removes the file or tree that has the target's name, if there is one. */
export function removeTarget({ directory, name }: Target): void {
  tryRemoveTreeAt(directory, name);
}

export function closeTarget({ directory }: Target): void {
  close(directory);
}
