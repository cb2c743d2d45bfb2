import type { StoreFilesystem } from '../../../store/types.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { formatBytes, formatCount } from '../../output/quantities.js';
import { withStore } from './shared.js';

export default defineCommand({
  usage: '[--json]',
  description: `Show where the layer store is or would be, its disk usage, and the free
space of its filesystem.`,
  arguments: [],
  options: {
    ...storeFlag,
    json: { describe: 'print JSON' },
  },
  async run(_, options, context) {
    const space = await withStore(options, context, (store) => store.df(), emptyAt);
    if (options.json) {
      context.print(JSON.stringify(space, null, 2));
      return;
    }
    const { root, contents, bytes, inodes, size, free } = space;
    context.print(`store       ${root}`);
    context.print(`snapshots   ${formatCount(contents)}`);
    context.print(`layers      ${formatBytes(bytes)}, ${formatCount(inodes)} inodes`);
    context.print(`filesystem  ${formatBytes(size)}, ${formatBytes(free)} free`);
  },
});

async function emptyAt(root: string): Promise<StoreFilesystem> {
  const { fromText } = await import('../../../system/bytes.js');
  const { filesystemOf } = await import('../../../system/filesystem.js');
  const { nearestDirectory } = await import('../../../system/make-directory.js');
  const { size, free } = filesystemOf(fromText(nearestDirectory(root)));
  return { root, contents: 0, bytes: 0, inodes: 0, size, free };
}
