import type { Store } from '../../../store/types.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { withStore } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Writes the filesystem of the layer store to its disk. Layers that are there now are
trusted after a power loss too; others are extracted again when they are wanted.`,
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
