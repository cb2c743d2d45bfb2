import { resolve } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import { bootId } from '../system/filesystem.js';
import { Directories } from './directories.js';
import { Lease } from './lease.js';
import { Database } from './metadata/database.js';
import { neededOverlayFlags } from './mounts.js';
import { LmdbStore } from './store.js';
import type { Store, StoreOptions } from './types.js';

/**
 * Opens a layer store, made if it is not there. Many processes may have it open at once; call `close` when done.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT, DIRECTORY_INVALID, NO_SPACE, SYSTEM
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  return openStoreAt(options, bootId());
}

/** As {@link openStore}, under a boot that the caller names: a test can play a reboot. */
export async function openStoreAt(
  { root, client = 'layerhook', durability = 'boot', requireTrust = false }: StoreOptions,
  boot: string,
): Promise<Store> {
  requireOptions(root, client, durability);
  const directories = new Directories(resolve(root));
  directories.make();
  const db = new Database(directories.database);
  const overlayFlags = neededOverlayFlags();
  const lease = new Lease(directories, client);
  return new LmdbStore({ db, directories, client, durability, boot, lease, overlayFlags, requireTrust });
}

/** @throws LayerhookError SNAPSHOT_ARGUMENT */
function requireOptions(root: string, client: string, durability: string): void {
  if (root === '') throw badOption('root', 'it is empty');
  if (!/^[\w.-]{1,64}$/.test(client))
    throw badOption('client', 'up to 64 letters, digits and _ . - are expected');
  if (['boot', 'sync', 'none'].includes(durability)) return;
  throw badOption('durability', `${durability} is none of boot, sync, none`);
}

function badOption(name: string, reason: string): LayerhookError {
  return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `the ${name} of a store`, reason });
}
