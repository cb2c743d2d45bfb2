import type { Store } from '../../../store/types.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { withStore } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Flush the filesystem of the layer store to its disk. All layers in the store
will then be trusted after a power loss. Layers that were not flushed would
be extracted again.`,
  examples: ['layerhook store sync'],
  arguments: [],
  options: storeFlag,
  async run(_, options, context) {
    const sync = async (store: Store) => {
      await store.sync();
      context.log.info('every layer is on disk');
    };
    await withStore(options, context, sync, () => {});
  },
});
