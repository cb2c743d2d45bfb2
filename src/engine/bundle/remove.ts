import { lstatSync, realpathSync, rmdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import type { Driver } from '../../points/points.js';
import type { StoredBundle } from '../../store/bundles/types.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { E, isErrno } from '../../system/errno.js';
import { AT_REMOVEDIR, RENAME_NOREPLACE, renameat2, tryUnlinkat, unlinkat } from '../../system/files.js';
import { type Logger, silentLogger } from '../../system/logger.js';
import { type NamedDirectory, namesIn, removeEntries } from '../../system/named-directory.js';
import { throwIfAborted } from '../../system/steps.js';
import { unmapped } from '../operation.js';
import { isWhole } from './list.js';
import { type BundleMeta, copyDriver, hasBundle, readRemains } from './metadata.js';
import { type BundleOptions, withBundle } from './mount.js';
import { isBundleName, removalOrder } from './names.js';
import {
  closePlace,
  insidePrefix,
  listNames,
  lockBundle,
  makePrivate,
  privatePrefix,
  sweep,
} from './private-place.js';
import { forgetStored, requireBundle, withStored } from './stored.js';
import { refuseMounts, refuseUse } from './use.js';

export interface RemoveBundleOptions extends BundleOptions {
  /**
   * true: continue if a hook or the driver fails or is missing. If the bundle is missing, remove what a layer store still keeps
   * for it, if anything
   */
  force?: boolean | undefined;
}

export interface RemoveBundleResult {
  /** absolute path of the bundle */
  bundle: string;
  /** false: neither the bundle nor a part of it existed */
  removed: boolean;
  /** names of files in the directory that layerhook did not make; they stay, and so does the directory */
  left: string[];
}

type Known = Omit<BundleMeta, 'from'>;

/**
 * Removes a bundle. All hooks at `bundle.ociv1.remove` and the driver that unpacked the bundle run first. Then the directory is
 * renamed and deleted. Files that layerhook did not make stay, and so does their directory. Nothing beyond a mount point is ever
 * deleted. The rest of a killed removal is removed too.
 *
 * @throws LayerhookError ABORTED, BUNDLE_NOT_FOUND, BUNDLE_INVALID, BUNDLE_DRIVER, BUNDLE_BUSY (a container runs in it, or something is
 *   mounted in it), DIRECTORY_INVALID (a symlink), and what the hooks throw
 */
export async function removeBundle(options: RemoveBundleOptions): Promise<RemoveBundleResult> {
  throwIfAborted(options.signal);
  return removeAt(options);
}

/** Removes a bundle without umoci.json by force. A whole bundle stays. @throws LayerhookError as {@link removeBundle} */
export async function removeDamaged(options: BundleOptions): Promise<void> {
  await removeAt({ ...options, force: true }, { onlyDamaged: true });
}

async function removeAt(
  options: RemoveBundleOptions,
  { onlyDamaged = false } = {},
): Promise<RemoveBundleResult> {
  const bundle = resolve(options.bundle);
  const { force = false, log = silentLogger } = options;
  const stat = lstatSync(bundle, { throwIfNoEntry: false });
  if (stat?.isSymbolicLink())
    throw new LayerhookError('DIRECTORY_INVALID', { path: bundle, reason: 'it is a symlink' });
  const swept = await sweepAround(bundle);
  if (force && stat === undefined) {
    const forgotten = await forget(options, bundle, ({ isThere }) => !isThere);
    return { bundle, removed: swept || forgotten, left: [] };
  }
  // a killed command left only this
  if (swept && !hasBundle(bundle)) return { bundle, removed: true, left: removeIfEmpty(bundle) };
  const known = await readKnown({ ...options, bundle, log });
  const place = lockForRemoval(bundle);
  try {
    // another process may have removed it, and unpacked another bundle
    if (onlyDamaged && isWhole(bundle)) return { bundle, removed: false, left: [] };
    await takeDown({ ...options, log }, bundle, known);
    // a driver that failed or is unknown has not removed its snapshots
    if (force) await forget(options, bundle, ({ isThere }) => isThere).catch(goingOn(log));
    return { bundle, removed: true, left: removeDirectory(place, bundle) };
  } finally {
    closePlace(place);
  }
}

async function takeDown(options: RemoveBundleOptions & { log: Logger }, bundle: string, known: Known | null) {
  const { force = false } = options;
  refuseUse(bundle);
  await callHooks(options, known, force);
  if (force) await unmountRootfs(bundle);
  refuseMounts(bundle);
}

function lockForRemoval(bundle: string): NamedDirectory {
  let place: NamedDirectory | null;
  try {
    place = lockBundle(bundle);
  } catch (error) {
    if (isErrno(error, 'ENOENT'))
      throw new LayerhookError(
        'BUNDLE_NOT_FOUND',
        { path: bundle, reason: 'it was removed meanwhile' },
        error,
      );
    throw fsError(error, `removing bundle ${bundle}`);
  }
  if (place !== null) return place;
  const [reason, expected] = ['another command works on it', 'wait until it is done'];
  throw new LayerhookError('BUNDLE_BUSY', { path: bundle, reason, expected });
}

/** Removes what the store still keeps for a bundle. @returns false if there was nothing */
async function forget(
  options: BundleOptions,
  bundle: string,
  which: (stored: StoredBundle) => boolean,
): Promise<boolean> {
  const forgotten = await withStored(bundle, options, async (found, store) => {
    await forgetStored(store, found.filter(which));
    return found.some(which);
  });
  return forgotten ?? false;
}

const noDriver: Driver = { name: 'none', hooks: {} };
/** the defaults for a bundle without metadata */
const unknown = { map: unmapped, driver: copyDriver, state: {}, distrust: null };

/**
 * Reads the metadata of a bundle.
 *
 * @returns with `force`, null for a bundle with malformed metadata, or without metadata if the store knows it
 * @throws LayerhookError BUNDLE_NOT_FOUND, also with `force`: a directory without a bundle is never removed; BUNDLE_DAMAGED,
 *   BUNDLE_INVALID
 */
async function readKnown(options: RemoveBundleOptions & { log: Logger }): Promise<Known | null> {
  const { bundle, force, log } = options;
  try {
    return readRemains(bundle) ?? (await requireBundle(options));
  } catch (error) {
    const isKnown = isLayerhookError(error, 'BUNDLE_INVALID') || isLayerhookError(error, 'BUNDLE_DAMAGED');
    if (!force || !isKnown) throw error;
    return goingOn(log)(error);
  }
}

/** Returns a function that logs an error, unless it is an abort. */
function goingOn(log: Logger): (error: Error) => null {
  return (error) => {
    if (isLayerhookError(error, 'ABORTED')) throw error;
    log.warn(`${error.message}; going on`);
    return null;
  };
}

async function callHooks(options: BundleOptions & { log: Logger }, known: Known | null, force: boolean) {
  const call = (more: Partial<BundleOptions>, onlyDriver = false) =>
    withBundle(
      { ...options, ...more },
      known ?? unknown,
      ({ dispatcher }, context) => dispatcher.every('bundle.ociv1.remove', context),
      { onlyDriver },
    );
  const goOn = (error: Error) => {
    if (!force) throw error;
    goingOn(options.log)(error);
  };
  try {
    await call(known === null ? { driver: noDriver } : {});
  } catch (error) {
    goOn(error as Error);
    const isGone = isLayerhookError(error, 'DRIVER_NOT_FOUND') || isLayerhookError(error, 'BUNDLE_DRIVER');
    // the hooks that have not run yet
    await (isGone ? call({ driver: noDriver }) : call({}, true)).catch(goOn);
  }
}

async function unmountRootfs(bundle: string): Promise<void> {
  const { unmountAll } = await import('../../overlay/mount.js');
  await unmountAll(join(realpathSync(bundle), 'rootfs'), { detach: true });
}

/** Removes what killed commands left beside a bundle and in it. @returns true if it removed anything */
export async function sweepAround(bundle: string): Promise<boolean> {
  const beside = await sweep(dirname(bundle), privatePrefix(bundle));
  return beside + (await sweep(bundle, insidePrefix)) > 0;
}

function foreignIn({ fd }: NamedDirectory): ByteString[] {
  return namesIn(fd).filter((name) => !isBundleName(name));
}

/**
 * Removes the files that layerhook made in a bundle's directory, and the directory if it is empty afterwards.
 *
 * @returns names of the files that stay
 */
function removeDirectory(place: NamedDirectory, bundle: string): string[] {
  try {
    if (foreignIn(place).length === 0 && removeAside(place, bundle)) return [];
    emptyInside(place);
    return foreignIn(place).map(showBytes).sort();
  } catch (error) {
    throw fsError(error, `removing bundle ${bundle}`);
  }
}

/** Removes a directory without a bundle if it exists and is empty. @returns names of the files that stay */
function removeIfEmpty(directory: string): string[] {
  const left = listNames(directory).sort();
  try {
    if (left.length === 0) rmdirSync(directory);
  } catch (error) {
    // a mount point, for example, stays
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY') && !cannotRename(error))
      throw fsError(error, `removing bundle ${directory}`);
  }
  return left;
}

/**
 * Renames the directory first, so that other processes see the whole bundle or none. The lock moves along and keeps sweepers away.
 *
 * @returns true if the directory is gone; false if it cannot be renamed (it is a mount point, or its parent belongs to
 *   another user), and if a file appeared in it meanwhile
 */
function removeAside(place: NamedDirectory, bundle: string): boolean {
  const { parent, name, fd } = place;
  let aside: NamedDirectory;
  try {
    aside = makePrivate(ownPath(parent), privatePrefix(bundle));
  } catch (error) {
    if (cannotRename(error)) return false;
    throw error;
  }
  try {
    renameat2(parent, name, parent, aside.name, 0);
  } catch (error) {
    unlinkat(parent, aside.name, AT_REMOVEDIR);
    if (cannotRename(error)) return false;
    throw error;
  } finally {
    closePlace(aside);
  }
  removeEntries(fd, namesIn(fd).filter(isBundleName));
  const removed = tryUnlinkat(parent, aside.name, AT_REMOVEDIR);
  if (removed >= 0 || removed === -E.ENOENT) return true;
  renameat2(parent, aside.name, parent, name, RENAME_NOREPLACE);
  return false;
}

function cannotRename(error: unknown): boolean {
  const code = errorCode(error instanceof LayerhookError ? error.cause : error);
  return ['EBUSY', 'EACCES', 'EPERM', 'EROFS', 'EXDEV'].includes(code ?? '');
}

/**
 * Moves the files that layerhook made into a private directory inside the bundle, and removes them there. An incomplete bundle
 * does not look whole: see {@link removalOrder}.
 */
function emptyInside({ fd }: NamedDirectory): void {
  const names = removalOrder(namesIn(fd).filter(isBundleName));
  const aside = makePrivate(ownPath(fd), insidePrefix);
  try {
    for (const name of names) renameat2(fd, name, aside.fd, name, 0);
    removeEntries(aside.fd, names);
    unlinkat(fd, aside.name, AT_REMOVEDIR);
  } finally {
    closePlace(aside);
  }
}

/** Returns a path to an open directory that stays valid if the directory is renamed. */
function ownPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
