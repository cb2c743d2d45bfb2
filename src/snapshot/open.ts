import { resolve } from 'node:path';
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
 * @throws LayerhookError SNAPSHOT_ARGUMENT, NO_SPACE, SYSTEM
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  return openStoreAt(options, bootId());
}

/** As {@link openStore}, under a boot that the caller names: a test can play a reboot. */
export async function openStoreAt(
  { root, client = 'layerhook', durability = 'boot' }: StoreOptions,
  boot: string,
): Promise<Store> {
  const directories = new Directories(resolve(root));
  directories.make();
  const db = new Database(directories.database);
  const overlayFlags = neededOverlayFlags();
  const lease = new Lease(directories, client);
  return new LmdbStore({ db, directories, client, durability, boot, lease, overlayFlags });
}
