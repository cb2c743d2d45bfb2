import { imageFlag, limitFlags, readLimits } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--image PATH[:TAG]',
  description: `Remove a tag from a layout. The blobs of the image stay until gc removes
those that no other tag refers to.`,
  examples: ['layerhook rm --image image:old'],
  arguments: [],
  options: { ...imageFlag, ...limitFlags },
  async run(_, options, { log, signal }) {
    const { parseImageReference, removeTag } = await import('../../../image/references.js');
    const { openLayout } = await import('../../../image/layout.js');
    const { path, tag } = parseImageReference(options.image);
    const layout = openLayout(path, { signal, ...readLimits(options, 'layerhook remove') });
    try {
      if (await removeTag(layout, tag)) log.info(`removed tag: ${tag}`);
      else log.warn(`tag not found: ${tag}`);
    } finally {
      await layout.close();
    }
  },
});
