import type { StoredLayer } from '../../../engine/store-usage.js';
import { oneLine } from '../../../errors/error.js';
import { LayerhookError } from '../../../errors/index.js';
import type { Store } from '../../../store/types.js';
import { usageError } from '../../args/usage.js';
import type { CommandContext } from '../../command.js';

/** The name of a layer for people: its chainID's first digits, or of what has none the number of its content. */
export function layerName({ id, names, layer }: Pick<StoredLayer, 'id' | 'names' | 'layer'>): string {
  const chainID = layer?.chainIDs[0];
  // another client's name may hold anything
  if (chainID === undefined) return oneLine(names[0]?.name ?? id);
  return chainID.slice(chainID.indexOf(':') + 1).slice(0, 12) + (layer?.map ? `+${layer.map}` : '');
}

/** Whether it is used as it is, in a word. */
export function layerState({ damaged, missing, trusted, flushed }: StoredLayer): string {
  if (damaged !== undefined) return 'damaged';
  if (missing !== undefined) return 'missing';
  if (!trusted) return 'unproven';
  return flushed ? 'on disk' : 'in memory';
}

/**
 * Runs `use` with the store that the options name, and closes it. None is made: without one, `otherwise` is run with
 * the path where it would be, and a note is logged, for all to see if the user has named that path.
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
    log[dir === undefined ? 'info' : 'warn'](`there is no layer store at ${root}`);
    return otherwise(root);
  }
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** For what was to be found in a store that is not there. @throws LayerhookError STORE_NOT_FOUND */
export function noStore(path: string): never {
  throw new LayerhookError('STORE_NOT_FOUND', { path });
}

/**
 * The layers that were named: by chainID or its first digits, with or without `sha256:`; all if none was.
 *
 * @throws LayerhookError USAGE
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
    const count = found.length === 0 ? 'no layer' : `${found.length} layers`;
    throw usageError(`${count} in the store called ${name}; layerhook store ls shows them`, command);
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
