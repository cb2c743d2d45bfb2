import { lstatSync, mkdtempSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import { fromText } from '../../system/bytes.js';
import { AT_FDCWD, RENAME_NOREPLACE, renameat2 } from '../../system/files.js';
import { inOrder, isBundleName } from '../bundle/names.js';
import { insidePrefix, isPrivateName, privatePrefix } from '../bundle/private-place.js';

export interface OccupiedOptions {
  /** true: the directory may have files that do not belong to a bundle; default false */
  force?: boolean | undefined;
}

/**
 * Refuses a directory with other files as the place of a bundle.
 *
 * @throws LayerhookError BUNDLE_EXISTS if the directory has a file of a bundle; DIRECTORY_NOT_EMPTY
 */
export function refuseOccupied(path: string, { force = false }: OccupiedOptions): void {
  const names = readdirSync(path);
  const what = inOrder(names).findLast(isBundleName);
  if (what !== undefined) throw new LayerhookError('BUNDLE_EXISTS', { path, what });
  const foreign = force ? [] : names.filter((name) => !isOfEmpty(path, name));
  if (foreign.length === 0) return;
  throw new LayerhookError('DIRECTORY_NOT_EMPTY', { path, names: listed(foreign) });
}

/** True for names that an empty directory may have: `lost+found`, and the private directories of an unpack. */
function isOfEmpty(path: string, name: string): boolean {
  if (name !== 'lost+found' && !isPrivateName(name, insidePrefix)) return false;
  const stat = lstatSync(join(path, name), { throwIfNoEntry: false });
  return stat?.isDirectory() !== false;
}

/** Lists the first names, and the number of the others. */
export function listed(names: readonly string[], most = 3): string {
  const more = names.length - most;
  const shown = names.slice(0, most).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/**
 * Renames the directory `path` to `final`, which is missing or an empty directory. rename(2) never overwrites a bundle that
 * appeared meanwhile. Mounts below `path` move along.
 *
 * @throws LayerhookError BUNDLE_EXISTS, NO_SPACE, FILE_NOT_FOUND, SYSTEM
 */
export function publishAs(path: string, final: string): void {
  try {
    renameSync(path, final);
  } catch (error) {
    if (!['EEXIST', 'ENOTEMPTY', 'ENOTDIR', 'EBUSY'].includes(errorCode(error) ?? ''))
      throw fsError(error, `renaming the finished bundle to ${final}`);
    throw new LayerhookError('BUNDLE_EXISTS', { path: final, what: 'bundle made meanwhile' }, error);
  }
}

/**
 * Moves the content of `path`, a directory inside `final`, up into `final`. umoci.json comes last: it marks the bundle as whole.
 * If a move fails, all moves are undone. Files of `final` are never replaced.
 *
 * @throws LayerhookError BUNDLE_EXISTS, DIRECTORY_NOT_EMPTY, MOUNT_FAILED
 */
export async function moveUp(path: string, final: string, options: OccupiedOptions): Promise<void> {
  refuseOccupied(final, options);
  const moved: string[] = [];
  try {
    for (const name of inOrder(readdirSync(path))) {
      await move(name, { from: path, to: final, aside: path });
      moved.unshift(name);
    }
  } catch (error) {
    for (const name of moved) await move(name, { from: final, to: path, aside: path });
    if (!isLayerhookError(error, 'MOUNT_FAILED')) throw error;
    if (isAlone(path, final)) return replace(path, final);
    const { reason = '' } = error.details;
    const expected = 'name a bundle directory that is new or empty: mounts are moved by root only';
    const details = { what: 'rootfs', path: join(final, 'rootfs'), reason, expected };
    throw new LayerhookError('MOUNT_FAILED', details, error);
  }
  rmdirSync(path);
}

function isAlone(path: string, directory: string): boolean {
  return readdirSync(directory).every((name) => join(directory, name) === path);
}

/** Moves an entry to another directory. @param aside directory for a temporary directory */
async function move(name: string, { from, to, aside }: { from: string; to: string; aside: string }) {
  const { moveMount } = await import('../../system/mount.js');
  const [source, target] = [join(from, name), join(to, name)];
  try {
    renameNew(source, target);
  } catch (error) {
    // a mount point
    if (errorCode(error) !== 'EBUSY') throw error;
    const held = mkdtempSync(join(aside, `${name}-`));
    try {
      moveMount(fromText(source), fromText(held));
    } catch (refusal) {
      rmdirSync(held);
      throw refusal;
    }
    renameNew(source, target);
    moveMount(fromText(held), fromText(target));
    rmdirSync(held);
  }
}

/** Renames a file, unless the new name exists. */
function renameNew(from: string, to: string): void {
  try {
    renameat2(AT_FDCWD, fromText(from), AT_FDCWD, fromText(to), RENAME_NOREPLACE);
  } catch (error) {
    if (errorCode(error) === 'EEXIST' || lstatSync(to, { throwIfNoEntry: false }))
      throw new LayerhookError(
        'BUNDLE_EXISTS',
        { path: dirname(to), what: to.slice(dirname(to).length + 1) },
        error,
      );
    // the file system does not support RENAME_NOREPLACE
    if (errorCode(error) !== 'EINVAL') throw error;
    renameSync(from, to);
  }
}

/** Replaces `final` by `path`, its only entry, where mounts cannot be moved (FUSE without root). */
function replace(path: string, final: string): void {
  const beside = mkdtempSync(join(dirname(final), privatePrefix(final)));
  renameSync(path, beside);
  try {
    publishAs(beside, final);
  } catch (error) {
    renameSync(beside, path);
    throw error;
  }
}
