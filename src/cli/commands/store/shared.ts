import type { StoredLayer } from '../../../engine/store-usage.js';
import { oneLine } from '../../../errors/error.js';
import { LayerhookError } from '../../../errors/index.js';
import type { Store } from '../../../store/types.js';
import { usageError } from '../../args/usage.js';
import type { CommandContext } from '../../command.js';

/** Returns the name of a layer for people: the first digits of its chainID, or else the number of its content. */
export function layerName({ id, names, layer }: Pick<StoredLayer, 'id' | 'names' | 'layer'>): string {
  const chainID = layer?.chainIDs[0];
  // the name comes from another client and may hold any character
  if (chainID === undefined) return oneLine(names[0]?.name ?? id);
  return chainID.slice(chainID.indexOf(':') + 1).slice(0, 12) + (layer?.map ? `+${layer.map}` : '');
}

/** Returns the state of a layer, as `store ls` shows it. */
export function layerState({ damaged, missing, trusted, flushed }: StoredLayer): string {
  if (damaged !== undefined) return 'damaged';
  if (missing !== undefined) return 'missing';
  if (!trusted) return 'unproven';
  return flushed ? 'on disk' : 'in memory';
}

/**
 * Opens the chosen store, calls `use` with it and closes it. A missing store is not created: `otherwise` gets the path
 * where the store would be. The log notes that, as a warning if --store gave the path.
 *
 * @throws LayerhookError as for opening the store
 */
export async function withStore<T>(
  { store: dir }: { store: string | undefined },
  { hooksFile, log }: Pick<CommandContext, 'hooksFile' | 'log'>,
  use: (store: Store) => Promise<T>,
  otherwise: (root: string) => T | Promise<T>,
): Promise<T> {
  const { openChosenStore } = await import('../../../engine/open-store.js');
  const { store, root } = await openChosenStore({ store: dir, hooksFile });
  if (store === null) {
    log[dir === undefined ? 'info' : 'warn'](`layer store not found at ${root}`);
    return otherwise(root);
  }
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** For a command that names layers of a missing store. @throws LayerhookError STORE_NOT_FOUND */
export function noStore(path: string): never {
  throw new LayerhookError('STORE_NOT_FOUND', { path });
}

/**
 * Returns the layers with the given names: chainIDs or their first digits, with or without `sha256:`. Without names,
 * returns all layers.
 *
 * @throws LayerhookError STORE_LAYER_NOT_FOUND; USAGE if several layers have the name
 */
export function pickLayers(
  layers: readonly StoredLayer[],
  wanted: readonly string[],
  command: string,
): StoredLayer[] {
  if (wanted.length === 0) return [...layers];
  return wanted.map((name) => {
    const found = layers.filter((layer) => isNamed(layer, name));
    if (found.length === 1) return found[0]!;
    if (found.length === 0) throw new LayerhookError('STORE_LAYER_NOT_FOUND', { layer: name });
    throw usageError(`${found.length} layers in the store called ${name}; give more digits`, command);
  });
}

function isNamed({ layer, names }: StoredLayer, wanted: string): boolean {
  const all = [...(layer?.chainIDs ?? []), ...names.map(({ name }) => name)];
  return all.some(
    (name) =>
      name === wanted ||
      (wanted.length >= 4 && name.replace(/^sha256:/, '').startsWith(wanted)) ||
      (wanted.length >= 11 && name.startsWith(wanted)),
  );
}
