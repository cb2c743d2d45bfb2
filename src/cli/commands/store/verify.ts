import type { Delta } from 'mtree-ts';
import type { StoredLayer } from '../../../engine/store-usage.js';
import { isLayerhookError, LayerhookError } from '../../../errors/index.js';
import { filesDiffer } from '../../../store/files-differ.js';
import type { Store } from '../../../store/types.js';
import { storeFlag } from '../../args/flags.js';
import { type CommandContext, defineCommand } from '../../command.js';
import { layerName, noStore, pickLayers, withStore } from './shared.js';

const command = 'layerhook store verify';

export default defineCommand({
  usage: '[--json] [LAYER...]',
  description: `Read every file of layers of the store, by default of all layers, and
compare it with the record made when the layer's tar was verified against
its diffID; of a layer that is an EROFS image, hash its tar again. Print
each file that differs. A layer with differences is marked as damaged
and extracted again by the next unpack that needs it, and the exit status is
1.`,
  examples: ['layerhook store verify', 'layerhook store verify --dry-run 0123456789ab'],
  options: {
    ...storeFlag,
    'dry-run': { describe: 'mark no layer as damaged or verified' },
  },
  json: true,
  endsImmediately: true,
  async run(wanted, options, context) {
    const { formatBSD, formatJSON } = await import('mtree-ts');
    let damaged = 0;
    const verify = async (store: Store) => {
      const { storeUsage } = await import('../../../engine/store-usage.js');
      const layers = pickLayers((await storeUsage(store)).layers, wanted, command);
      context.onProgress?.({ type: 'layers', layers: layers.map(barOf) });
      const results = async function* () {
        for (const [index, layer] of layers.entries()) {
          const result = await verifyOne(store, layer, index, context);
          if (result === null) continue;
          if (result.state === 'damaged' || result.state === 'missing') damaged++;
          if (result.state === 'unknown')
            context.log.warn(`cannot verify ${result.name}: it was stored without a record of its files`);
          if (!options['dry-run']) await note(store, layer, result, context);
          yield result;
        }
      };
      await context.show({
        json: async function* () {
          for await (const result of results())
            yield { ...result, differences: JSON.parse(formatJSON(result.differences)) };
        },
        text: async function* () {
          for await (const result of results()) yield* lines(result, formatBSD);
        },
      });
    };
    await withStore(options, context, verify, wanted.length > 0 ? noStore : () => context.show(nothing));
    if (damaged > 0) throw new LayerhookError('STORE_DAMAGED', { count: damaged });
  },
});

const nothing = { json: () => [], text: () => [] };

/** The result for one layer, as --json prints it. A layer without a record of its files cannot be verified: its state is `unknown`. */
interface Verified {
  name: string;
  state: 'unchanged' | 'damaged' | 'missing' | 'unknown';
  directory: string;
  /** why the layer is missing */
  reason?: string;
  differences: Delta[];
}

/** @returns null if another process has removed the layer meanwhile */
async function verifyOne(
  store: Store,
  layer: StoredLayer,
  index: number,
  { onProgress }: CommandContext,
): Promise<Verified | null> {
  const { verifyLayer } = await import('../../../engine/verify-layer.js');
  // a garbage collection deletes the record first, and then the files
  const isRemoved = async () => (await store.list([layer.id])).length === 0;
  const { directory, missing: reason } = layer;
  const found = { name: layerName(layer), directory, differences: [] };
  if (reason !== undefined) return (await isRemoved()) ? null : { ...found, state: 'missing', reason };
  try {
    let last = { bytes: 0, entries: 0 };
    const differences = await verifyLayer(layer, ({ done, total, bytes, entries }) => {
      last = { bytes, entries };
      const blobBytes = (barOf(layer).size * done) / Math.max(total, 1);
      onProgress?.({ type: 'layer-progress', index, blobBytes, ...last });
    });
    onProgress?.({ type: 'layer-done', index, ...last });
    if (differences?.length === 0) return { ...found, state: 'unchanged' };
    if (await isRemoved()) return null;
    return differences === null
      ? { ...found, state: 'unknown' }
      : { ...found, state: 'damaged', differences };
  } catch (error) {
    if (await isRemoved()) return null;
    throw error;
  }
}

/** Returns a layer for {@link CommandContext.onProgress}. */
function barOf(layer: StoredLayer): { digest: string; size: number } {
  return { digest: layerName(layer), size: layer.usage?.size ?? 0 };
}

/** Records the result in the store. */
async function note(
  store: Store,
  { id }: StoredLayer,
  { state, differences }: Verified,
  { log }: CommandContext,
): Promise<void> {
  try {
    if (state === 'unchanged') await store.markVerified(id);
    if (state === 'damaged') await store.markDamaged(id, filesDiffer(differences.length));
  } catch (error) {
    // another process has removed the layer
    if (isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) return;
    if (!isLayerhookError(error, 'NO_SPACE')) throw error;
    log.warn(`cannot record the result: ${error.message}`);
  }
}

function lines(
  { name, state, directory, reason, differences }: Verified,
  format: (deltas: Delta[]) => string,
): string[] {
  switch (state) {
    case 'unknown':
      return [];
    case 'missing':
      return [`${name}: ${reason}`];
    case 'unchanged':
      return [`${name}: unchanged`];
    case 'damaged':
      return [`${name}: damaged in ${directory}`, format(differences).trimEnd()];
  }
}
