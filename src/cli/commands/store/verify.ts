import { isLayerhookError, LayerhookError } from '../../../errors/index.js';
import type { Store } from '../../../store/types.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { layerName, noStore, pickLayers, withStore } from './shared.js';

const command = 'layerhook store verify';

export default defineCommand({
  usage: '[LAYER...]',
  description: `Read every file of layers of the store, by default of all layers, and
compare it with the record made when the layer's tar was verified against
its diffID; of a layer that is an EROFS image, hash its tar again. Print
each file that differs. A layer with differences is marked as damaged
and extracted again by the next unpack that needs it, and the exit status is
1.`,
  options: {
    ...storeFlag,
    'dry-run': { describe: 'mark no layer as damaged or verified' },
  },
  endsImmediately: true,
  async run(wanted, options, context) {
    const { log, print } = context;
    const note = async (write: () => Promise<void>) => {
      if (options['dry-run']) return;
      await write().catch((error: Error) => {
        // another process has removed the layer
        if (isLayerhookError(error, 'SNAPSHOT_NOT_FOUND')) return;
        if (!isLayerhookError(error, 'NO_SPACE')) throw error;
        log.warn(`cannot record the result: ${error.message}`);
      });
    };
    const verify = async (store: Store) => {
      const { storeUsage } = await import('../../../engine/store-usage.js');
      const { verifyLayer } = await import('../../../engine/verify-layer.js');
      const { formatBSD } = await import('mtree-ts');
      // a garbage collection deletes the record first, and then the files
      const isRemoved = async ({ id }: { id: string }) => (await store.list([id])).length === 0;
      let count = 0;
      for (const layer of pickLayers((await storeUsage(store)).layers, wanted, command)) {
        const name = layerName(layer);
        if (layer.missing !== undefined) {
          if (await isRemoved(layer)) continue;
          count++;
          print(`${name}: ${layer.missing}`);
          continue;
        }
        let deltas: Awaited<ReturnType<typeof verifyLayer>>;
        try {
          deltas = await verifyLayer(layer);
        } catch (error) {
          if (await isRemoved(layer)) continue;
          throw error;
        }
        if (deltas?.length !== 0 && (await isRemoved(layer))) continue;
        if (deltas === null) {
          log.warn(`cannot verify ${name}: it was stored without a record of its files`);
          continue;
        }
        if (deltas.length === 0) {
          print(`${name}: unchanged`);
          await note(() => store.markVerified(layer.id));
          continue;
        }
        count++;
        print(`${name}: damaged in ${layer.directory}`);
        print(formatBSD(deltas).trimEnd());
        const why = `${deltas.length} files differ`;
        await note(() => store.markDamaged(layer.id, why));
      }
      return count;
    };
    const damaged = await withStore(options, context, verify, wanted.length > 0 ? noStore : () => 0);
    if (damaged > 0) throw new LayerhookError('STORE_DAMAGED', { count: damaged });
  },
});
