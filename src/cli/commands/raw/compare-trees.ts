import { defineCommand } from '../../command.js';
import { requireDirectories } from '../../files/directories.js';
import { changeLine } from './change-line.js';

export default defineCommand({
  usage: 'LOWER UPPER',
  description: `List how the directory tree UPPER differs from LOWER, as JSON with one
object per line: the path (pathBase64 if it is not UTF-8), and the kind:
add, modify or delete. Times count in whole seconds. The output is a valid
result of a hook at repack.ociv1.layer.delta-list.`,
  examples: ['layerhook raw compare-trees before after'],
  arguments: ['LOWER', 'UPPER'],
  options: {},
  async run([lower, upper], _, { signal, print }) {
    const { compareTrees } = await import('../../../layer/compare-trees.js');
    requireDirectories(lower!, upper!);
    for (const change of await compareTrees(lower!, upper!, { signal })) print(changeLine(change));
  },
});
