import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LayerhookError } from '../../errors/index.js';
import type { BundleContext } from '../../points/points.js';
import { exists } from '../../system/exists.js';
import { throwIfAborted } from '../../system/steps.js';
import { closeOperation, type Operation, openOperation } from '../operation.js';
import type { OperationOptions } from '../operation-options.js';
import { type BundleMeta, keepState, refuseLinkedRootfs } from './metadata.js';
import { isStored, requireBundle } from './stored.js';

export interface BundleOptions extends OperationOptions {
  /** path of the bundle */
  bundle: string;
}

export interface MountBundleOptions extends BundleOptions {
  /**
   * true: this bundle takes over the changes that a store keeps for another directory. Use this after a restore or a move to
   * another file system, when the other directory is gone.
   */
  claim?: boolean | undefined;
}

export interface BundleMountResult {
  /** absolute path of the bundle */
  bundle: string;
  /** false: the driver mounts nothing for this bundle; its rootfs is a plain directory */
  handled: boolean;
}

/**
 * Makes the rootfs of a bundle usable again, for example after a reboot: calls the hooks at `bundle.ociv1.mount` and the driver
 * that unpacked the bundle. A rootfs that is already usable stays unchanged.
 *
 * @throws LayerhookError ABORTED, BUNDLE_NOT_FOUND, BUNDLE_DAMAGED, BUNDLE_INVALID, BUNDLE_DRIVER, BUNDLE_COPY, and what the hooks throw
 */
export async function mountBundle(options: MountBundleOptions): Promise<BundleMountResult> {
  throwIfAborted(options.signal);
  const bundle = resolve(options.bundle);
  const meta = await requireBundle(options);
  refuseLinkedRootfs(bundle, meta.distrust);
  const { claim = false } = options;
  return withBundle(options, meta, async (operation, context) => {
    const { dispatcher } = operation;
    const { handled } = await dispatcher.first('bundle.ociv1.mount', { ...context, claim });
    if (!handled) requireRootfs(bundle);
    keepState(bundle, meta, operation);
    return { bundle, handled };
  });
}

/** @throws LayerhookError BUNDLE_DAMAGED for a bundle whose removal was interrupted */
function requireRootfs(bundle: string): void {
  if (exists(join(bundle, 'rootfs'))) return;
  const expected = `remove the bundle with layerhook bundle rm ${bundle}, and unpack it again`;
  throw new LayerhookError('BUNDLE_DAMAGED', { path: bundle, reason: 'its rootfs is missing', expected });
}

/**
 * Unmounts a bundle and keeps its content: calls `bundle.ociv1.umount`. A bundle without mounts stays unchanged.
 *
 * @throws LayerhookError ABORTED, BUNDLE_NOT_FOUND, BUNDLE_DAMAGED, BUNDLE_INVALID, BUNDLE_DRIVER, BUNDLE_BUSY (a container runs in it, or something else is mounted
 *   below it), and what the hooks throw
 */
export async function unmountBundle(options: BundleOptions): Promise<BundleMountResult> {
  throwIfAborted(options.signal);
  const bundle = resolve(options.bundle);
  const { refuseUse } = await import('./use.js');
  let meta: BundleMeta;
  try {
    meta = await requireBundle(options);
  } catch (error) {
    const handled = await unmountStored(bundle, options);
    if (handled === undefined) throw error;
    return { bundle, handled };
  }
  return withBundle(options, meta, async (operation, context) => {
    const { dispatcher } = operation;
    refuseUse(bundle);
    const { handled } = await dispatcher.first('bundle.ociv1.umount', context);
    keepState(bundle, meta, operation);
    return { bundle, handled };
  });
}

/** Unmounts a bundle without usable metadata. @returns undefined if the store does not know it */
async function unmountStored(bundle: string, options: BundleOptions): Promise<boolean | undefined> {
  if (!(await isStored(bundle, options))) return undefined;
  const { refuseUse } = await import('./use.js');
  const { unmountAll } = await import('../../overlay/mount.js');
  refuseUse(bundle);
  return unmountAll(join(realpathSync(bundle), 'rootfs'));
}

/**
 * Calls `work` with an operation of the bundle's driver, and the context that the points of bundles share.
 *
 * @param onlyDriver as for {@link openOperation}
 */
export async function withBundle<T>(
  options: BundleOptions,
  { map, driver, state, distrust }: Omit<BundleMeta, 'from' | 'keepDirlinks'>,
  work: (operation: Operation, context: BundleContext) => Promise<T>,
  { onlyDriver = false } = {},
): Promise<T> {
  const bundle = resolve(options.bundle);
  const operation = await openOperation(options, {
    recorded: { bundle, driver, state, distrust },
    onlyDriver,
  });
  const { log, stop } = operation;
  try {
    const context = { bundle, rootfs: join(bundle, 'rootfs'), map, state: {} };
    return await work(operation, { ...context, signal: stop.signal, log });
  } finally {
    await closeOperation(operation);
  }
}
