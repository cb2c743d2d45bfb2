import {
  closeSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { errorCode, fsError } from '../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../errors/index.js';
import { type Logger, silentLogger } from '../log.js';
import { type BundleMeta, copyDriver, readBundleMeta } from './bundle.js';
import { type BundleOptions, withBundle } from './bundle-mount.js';
import { refuseMounts, refuseUse } from './bundle-use.js';
import { unmapped } from './operation.js';
import type { Driver } from './points.js';
import { lockDirectory, privatePrefix, sweep } from './private-place.js';

export interface RemoveBundleOptions extends BundleOptions {
  /**
   * go on where a hook or the driver fails or is gone; if there is no bundle, remove what a layer store still has of it, and
   * be content if that is nothing
   */
  force?: boolean | undefined;
}

export interface RemoveBundleResult {
  /** absolute path of what was the bundle */
  bundle: string;
  /** false: there was nothing of it */
  removed: boolean;
}

/**
 * Removes a bundle: `bundle.ociv1.remove` is asked of all its hooks and of the driver that it was unpacked with, then the
 * directory loses its name at once, and is deleted. Nothing beyond a mount point is ever deleted.
 *
 * @throws LayerhookError BUNDLE_NOT_FOUND, BUNDLE_INVALID, BUNDLE_DRIVER, BUNDLE_BUSY (a container runs in it, or something is mounted in it),
 *   and what the hooks throw
 */
export async function removeBundle(options: RemoveBundleOptions): Promise<RemoveBundleResult> {
  const bundle = resolve(options.bundle);
  const { force = false, log = silentLogger } = options;
  await sweepBeside(bundle);
  if (force && !existsSync(bundle)) return { bundle, removed: await forgetMissing(bundle, options) };
  const meta = readMeta(bundle, force, log);
  const fd = await lockDirectory(bundle);
  if (fd === null) {
    const expected = 'wait until it is done';
    throw new LayerhookError('BUNDLE_BUSY', {
      path: bundle,
      reason: 'another command works on it',
      expected,
    });
  }
  try {
    refuseUse(bundle);
    await callHooks({ ...options, log }, meta, force);
    if (force) await unmountRootfs(bundle);
    refuseMounts(bundle);
    await removeDirectory(bundle);
  } finally {
    closeSync(fd);
  }
  return { bundle, removed: true };
}

/** Removes what is left in the store of a bundle whose directory is gone. */
async function forgetMissing(bundle: string, options: BundleOptions): Promise<boolean> {
  const { openChosenStore } = await import('./open-store.js');
  const { missingBundles } = await import('./missing-bundles.js');
  const { store } = await openChosenStore(options);
  if (store === null) return false;
  try {
    const left = (await missingBundles(store)).filter((entry) => entry.bundle === bundle);
    for (const { key } of left) await store.remove(key);
    return left.length > 0;
  } finally {
    await store.close();
  }
}

const noDriver: Driver = { name: 'none', hooks: {} };
/** what a bundle is taken for that does not say */
const unknown = { map: unmapped, driver: copyDriver, distrust: null };

/** @returns null, with `force`, for a bundle that cannot be understood; what is no bundle is never removed */
function readMeta(bundle: string, force: boolean, log: Logger): BundleMeta | null {
  try {
    return readBundleMeta(bundle);
  } catch (error) {
    if (!force || !isLayerhookError(error, 'BUNDLE_INVALID')) throw error;
    log.warn(`${error.message}; going on`);
    return null;
  }
}

async function callHooks(options: BundleOptions & { log: Logger }, meta: BundleMeta | null, force: boolean) {
  const call = (more: Partial<BundleOptions>, onlyDriver = false) =>
    withBundle(
      { ...options, ...more },
      meta ?? unknown,
      ({ dispatcher }, context) => dispatcher.every('bundle.ociv1.remove', context),
      { onlyDriver },
    );
  const goOn = (error: Error) => {
    if (!force || isLayerhookError(error, 'ABORTED')) throw error;
    options.log.warn(`${error.message}; going on`);
  };
  try {
    await call(meta === null ? { driver: noDriver } : {});
  } catch (error) {
    goOn(error as Error);
    const isGone = isLayerhookError(error, 'DRIVER_NOT_FOUND') || isLayerhookError(error, 'BUNDLE_DRIVER');
    // whoever has not been asked yet
    await (isGone ? call({ driver: noDriver }) : call({}, true)).catch(goOn);
  }
}

async function unmountRootfs(bundle: string): Promise<void> {
  const { unmountAll } = await import('../snapshot/mount.js');
  await unmountAll(join(realpathSync(bundle), 'rootfs'), { detach: true });
}

/** Removes what others left half removed when they were killed. */
async function sweepBeside(bundle: string): Promise<void> {
  const parent = dirname(bundle);
  if (existsSync(parent)) await sweep(parent, privatePrefix(bundle));
}

/** Renames first: nobody sees half a bundle. The lock goes along, and keeps sweepers away. */
async function removeDirectory(bundle: string): Promise<void> {
  const { removeTree } = await import('../system/remove.js');
  try {
    removeTree(renameAside(bundle) ?? (await emptyAside(bundle)));
  } catch (error) {
    throw fsError(error, `removing bundle ${bundle}`);
  }
}

/** @returns null where the directory cannot be renamed: it is a mount point, or what it is in is not ours */
function renameAside(bundle: string): string | null {
  try {
    const aside = mkdtempSync(join(dirname(bundle), privatePrefix(bundle)));
    try {
      renameSync(bundle, aside);
      return aside;
    } catch (error) {
      rmdirSync(aside);
      throw error;
    }
  } catch (error) {
    if (['EBUSY', 'EACCES', 'EPERM', 'EROFS', 'EXDEV'].includes(errorCode(error) ?? '')) return null;
    throw error;
  }
}

/** Moves all that is in a bundle into a private directory in it, umoci.json first: without it, it is none. */
async function emptyAside(bundle: string): Promise<string> {
  const names = readdirSync(bundle).filter((name) => name !== 'umoci.json');
  const aside = mkdtempSync(join(bundle, '.layerhook-'));
  for (const name of ['umoci.json', ...names])
    if (existsSync(join(bundle, name))) renameSync(join(bundle, name), join(aside, name));
  return aside;
}
