import { closeSync, fsyncSync, lstatSync, openSync, readdirSync, realpathSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fsError, isLayerhookError, LayerhookError, type PoststopContext } from 'layerhook/driver';
import { AT_FDCWD, fromText, makeDirectory, RENAME_EXCHANGE, removeTree, renameat2 } from 'layerhook/system';

/** Where an archive is made, and where it goes when it is whole. */
export interface Place {
  /** nothing is there; on the filesystem of `final` */
  temporary: string;
  final: string;
}

/** Runs `write`, and gives the temporary place up if it fails. */
export async function atPlace<T>(context: PoststopContext, write: (place: Place) => Promise<T>): Promise<T> {
  const place = findPlace(context);
  try {
    return await write(place);
  } catch (error) {
    removeTree(place.temporary);
    throw isLayerhookError(error) ? error : fsError(error, `cannot write ${place.final}`);
  }
}

/** Gives a file its name. A file that was there goes, as with every rename; a symlink is not followed. */
export function publishFile({ temporary, final }: Place): void {
  if (lstatSync(final, { throwIfNoEntry: false })?.isDirectory())
    throw occupied(final, 'a directory is there', 'name a file, or remove the directory');
  renameSync(temporary, final);
  syncDirectory(dirname(final));
}

/** Gives a directory its name, where there is nothing, an empty directory, or with `replace` an older archive. */
export function publishDirectory({ temporary, final }: Place, replace: boolean): void {
  const found = lstatSync(final, { throwIfNoEntry: false });
  if (found && !found.isDirectory())
    throw occupied(final, 'something that is no directory is there', 'remove it, or name another path');
  if (found && readdirSync(final).length > 0) {
    if (!replace)
      throw occupied(
        final,
        'a directory is there that is no archive of ours',
        'remove it, or name a path that does not exist',
      );
    exchange(temporary, final);
  } else renameSync(temporary, final);
  syncDirectory(dirname(final));
}

function findPlace({ destination, upperdir, key }: PoststopContext): Place {
  const parent = dirname(destination);
  const final = join(parent, basename(destination));
  try {
    makeDirectory(parent);
    const real = `${realpathSync(parent)}/`;
    if (real.startsWith(`${realpathSync(upperdir)}/`))
      throw occupied(destination, 'it is inside what is archived', 'name a path outside of the upperdir');
    const temporary = join(parent, `.layerhook-${key}.tmp`);
    removeTree(temporary);
    return { temporary, final };
  } catch (error) {
    throw isLayerhookError(error) ? error : fsError(error, `cannot write ${destination}`);
  }
}

/** The new one takes the place of the old one at once, where the filesystem can do that. */
function exchange(temporary: string, final: string): void {
  try {
    renameat2(AT_FDCWD, fromText(temporary), AT_FDCWD, fromText(final), RENAME_EXCHANGE);
  } catch {
    const old = `${temporary}.old`;
    removeTree(old);
    renameSync(final, old);
    renameSync(temporary, final);
    removeTree(old);
    return;
  }
  removeTree(temporary);
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function occupied(path: string, reason: string, expected: string): LayerhookError {
  return new LayerhookError('ARCHIVE_DESTINATION', { path, reason, expected });
}
