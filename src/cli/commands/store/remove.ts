import type { Store } from '../../../store/types.js';
import { storeFlag } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { formatBytes } from '../../output/quantities.js';
import { layerName, noStore, pickLayers, withStore } from './shared.js';

const command = 'layerhook store rm';

export default defineCommand({
  usage: 'LAYER...',
  description: `Removes layers from the store. One that a bundle or another layer is on top of stays,
and so does what another client (a containerd) uses: for that client only.`,
  options: storeFlag,
  async run(wanted, options, context) {
    if (wanted.length === 0) throw usageError('name a layer', command);
    const remove = async (store: Store) => {
      const { storeUsage } = await import('../../../engine/store-usage.js');
      for (const layer of pickLayers((await storeUsage(store)).layers, wanted, command)) {
        const own = layer.names.filter(({ client }) => client === store.client);
        if (own.length === 0) throw usageError(`${layerName(layer)} is another client's`, command);
        for (const { name } of own) await store.remove(name);
        const kept = own.length < layer.names.length;
        context.log.info(`removed ${layerName(layer)}`, { freed: formatBytes(kept ? 0 : layer.usage!.size) });
      }
    };
    await withStore(options, context, remove, noStore);
  },
});
