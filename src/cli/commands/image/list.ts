import { jsonFlag, layoutFlag, readLayout, readMaxJson } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--layout PATH',
  description: 'Print the tags of a layout, one per line, in the order of its index.json.',
  arguments: [],
  options: { ...layoutFlag, ...jsonFlag },
  async run(_, options, { print, log }) {
    const path = readLayout(options, 'layerhook list');
    const limits = readMaxJson(options, 'layerhook list');
    const { openLayout } = await import('../../../image/layout.js');
    const { isTag, listTags } = await import('../../../image/references.js');
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    for (const tag of listTags(openLayout(path, limits))) {
      print(quoteIfOdd(tag, false));
      if (!isTag(tag))
        log.warn(`tag ${quoteIfOdd(tag, true)} breaks the OCI image-spec: other programs may refuse it`);
    }
  },
});
