import { defineCommand } from '../command.js';
import { storeFlag } from '../flags.js';
import { formatBytes, formatCount } from '../quantities.js';
import { withStore } from '../store.js';

export default defineCommand({
  usage: '[--json]',
  description: 'Shows where the layer store is, what it takes, and what its filesystem has left.',
  arguments: [],
  options: {
    ...storeFlag,
    json: { describe: 'print JSON' },
  },
  async run(_, options, context) {
    await withStore(options, context, async (store) => {
      const space = await store.df();
      if (options.json) {
        context.print(JSON.stringify(space, null, 2));
        return;
      }
      const { root, contents, bytes, inodes, size, free } = space;
      context.print(`store       ${root}`);
      context.print(`snapshots   ${formatCount(contents)}`);
      context.print(`layers      ${formatBytes(bytes)}, ${formatCount(inodes)} inodes`);
      context.print(`filesystem  ${formatBytes(size)}, ${formatBytes(free)} free`);
    });
  },
});
