import { dirname, resolve } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import { exists } from '../system/exists.js';
import { bootId } from '../system/filesystem.js';
import { Directories } from './context/directories.js';
import { ErofsMounts } from './context/erofs-mounts.js';
import { Lease } from './context/lease.js';
import { inlineTreeWork } from './context/tree-work.js';
import { hasMetadata, snapshotsOf, storeExists } from './exists.js';
import { neededOverlayFlags } from './snapshots/mounts.js';
import { LmdbStore } from './store.js';
import type { Store, StoreOptions } from './types.js';

/**
 * Opens a layer store, and creates it if it is missing. Many processes may have it open at the same time. Call `close`
 * when done.
 *
 * @throws LayerhookError SNAPSHOT_ARGUMENT, STORE_NOT_FOUND, DIRECTORY_INVALID, STORE_INVALID, NO_SPACE, SYSTEM
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  return openStoreAt(options, bootId());
}

/**
 * As {@link openStore}.
 *
 * @param boot ID of the current boot: a test can pass another one
 * @param trees closed together with the store
 */
export async function openStoreAt(
  { root, create = true, client = 'layerhook', durability = 'boot', requireTrust = false }: StoreOptions,
  boot: string,
  trees = inlineTreeWork,
): Promise<Store> {
  requireOptions(root, client, durability);
  // Loaded here because lmdb takes 30 ms to load outside the bundle (node 20), and most programs do not need it.
  const { Database } = await import('./metadata/database.js');
  const directories = new Directories(resolve(root), trees);
  if (!create && !storeExists(directories.root))
    throw new LayerhookError('STORE_NOT_FOUND', { path: directories.root });
  requireMetadata(directories);
  directories.make();
  return new LmdbStore({
    overlayFlags: neededOverlayFlags(),
    lease: new Lease(directories, client),
    erofs: new ErofsMounts(directories),
    ...{ directories, trees, client, durability, boot, requireTrust },
    // opened last: the store closes it
    db: new Database(directories.database),
  });
}

/**
 * Refuses a store with snapshots but without metadata: a new database would reuse the numbers of these snapshots. Nothing was
 * made in the store before: the user may be removing it. Snapshots without a file stay after a power loss that undid the first
 * transaction of a new store: such a store is empty.
 *
 * @throws LayerhookError STORE_INVALID, SYSTEM
 */
function requireMetadata(directories: Directories): void {
  const { root, database } = directories;
  if (hasMetadata(root) || !exists(snapshotsOf(root))) return;
  const contents = directories.contents();
  if (contents.length === 0) return;
  // Another process may have created the database and the first snapshot between the two checks above.
  if (hasMetadata(root)) return;
  if (exists(dirname(database)) && contents.every((content) => directories.isUnused(content))) return;
  const reason = `it has snapshots, and ${database} is empty or missing`;
  throw new LayerhookError('STORE_INVALID', { path: root, reason });
}

/** @throws LayerhookError SNAPSHOT_ARGUMENT */
function requireOptions(root: string, client: string, durability: string): void {
  if (root === '') throw badOption('root', 'it is empty');
  if (!/^[\w.-]{1,64}$/.test(client))
    throw badOption('client', 'up to 64 letters, digits and _ . - are expected');
  if (['boot', 'sync', 'none'].includes(durability)) return;
  throw badOption('durability', `expected boot, sync or none, got ${durability}`);
}

function badOption(name: string, reason: string): LayerhookError {
  return new LayerhookError('SNAPSHOT_ARGUMENT', { what: `the ${name} of a store`, reason });
}
