import { LayerhookError } from '../../../errors/index.js';
import type { Store } from '../../../store/types.js';
import { formatBytes } from '../../../terminal/quantities.js';
import { storeFlag } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { layerName, noStore, pickLayers, withStore } from './shared.js';

const command = 'layerhook store rm';

export default defineCommand({
  usage: 'LAYER...',
  description: `Remove layers from the store. It is an error if a bundle or another layer is
on top of a layer. A layer that another client (a containerd) uses stays for
that client.`,
  examples: ['layerhook store rm 0123456789ab'],
  options: storeFlag,
  async run(wanted, options, context) {
    if (wanted.length === 0) throw usageError('missing LAYER', command);
    const remove = async (store: Store) => {
      const { storeUsage } = await import('../../../engine/store-usage.js');
      for (const layer of pickLayers((await storeUsage(store)).layers, wanted, command)) {
        const own = layer.names.filter(({ client }) => client === store.client);
        const bundles = layer.bundles.map((bundle) => `bundle ${bundle}`).join(', ');
        if (bundles !== '')
          throw new LayerhookError('STORE_LAYER_IN_USE', { layer: layerName(layer), bundles });
        if (own.length === 0) throw usageError(`only another client uses ${layerName(layer)}`, command);
        for (const { name } of own) await store.remove(name);
        const kept = own.length < layer.names.length;
        context.log.info(`removed ${layerName(layer)}`, { freed: formatBytes(kept ? 0 : layer.usage!.size) });
      }
    };
    await withStore(options, context, remove, noStore);
  },
});
