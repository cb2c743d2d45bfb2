import { chooseStore } from '../config/store.js';
import { isLayerhookError } from '../errors/index.js';
import { storeExists } from '../store/exists.js';
import type { Store } from '../store/types.js';
import type { OperationOptions } from './operation-options.js';

/**
 * Opens the layer store that the options, the environment or hooks.toml name; see src/config/store.ts.
 *
 * @returns the place, and the store; the store is null if the place is empty, since this creates nothing
 * @throws LayerhookError as for reading hooks.toml, DIRECTORY_INVALID, NO_SPACE and SYSTEM
 */
export async function openChosenStore(
  options: Pick<OperationOptions, 'store' | 'hooksFile'>,
): Promise<{ root: string; store: Store | null }> {
  const { loadHooks } = await import('../config/load.js');
  const { env } = process;
  const config = options.hooksFile === null ? null : await loadHooks({ file: options.hooksFile, env });
  const choice = chooseStore({ store: options.store, config, env });
  const { root } = choice;
  if (!storeExists(root)) return { root, store: null };
  const { openStore } = await import('../store/index.js');
  try {
    return { root, store: await openStore({ ...choice, create: false }) };
  } catch (error) {
    // the user removed the store while its module loaded
    if (isLayerhookError(error, 'STORE_NOT_FOUND')) return { root, store: null };
    throw error;
  }
}
