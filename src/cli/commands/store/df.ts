import type { StoreFilesystem } from '../../../store/types.js';
import { formatBytes } from '../../../terminal/quantities.js';
import { formatCount, formatCounted } from '../../../text/counted.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { withStore } from './shared.js';

export default defineCommand({
  usage: '[--json]',
  description: `Show where the layer store is or would be, its disk usage, and the free
space of its filesystem.`,
  examples: ['layerhook store df'],
  arguments: [],
  options: storeFlag,
  json: true,
  async run(_, options, context) {
    const space = await withStore(options, context, (store) => store.df(), emptyAt);
    await context.show({ json: () => space, text: () => lines(space) });
  },
});

function lines({ root, contents, bytes, inodes, size, free }: StoreFilesystem): string[] {
  return [
    `store       ${root}`,
    `snapshots   ${formatCount(contents)}`,
    `layers      ${formatBytes(bytes)}, ${formatCounted(inodes, 'inodes')}`,
    `filesystem  ${formatBytes(size)}, ${formatBytes(free)} free`,
  ];
}

async function emptyAt(root: string): Promise<StoreFilesystem> {
  const { fromText } = await import('../../../system/bytes.js');
  const { filesystemOf } = await import('../../../system/filesystem.js');
  const { nearestDirectory } = await import('../../../system/make-directory.js');
  const { size, free } = filesystemOf(fromText(nearestDirectory(root)));
  return { root, contents: 0, bytes: 0, inodes: 0, size, free };
}
