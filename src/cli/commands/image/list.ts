import { layoutFlag, readLayout } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--layout PATH',
  description: 'Print the tags of a layout, one per line, in the order of its index.json.',
  arguments: [],
  options: layoutFlag,
  async run(_, options, { print }) {
    const path = readLayout(options, 'layerhook list');
    const { openLayout } = await import('../../../image/layout.js');
    const { listTags } = await import('../../../image/references.js');
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    for (const tag of listTags(openLayout(path))) print(quoteIfOdd(tag, false));
  },
});
