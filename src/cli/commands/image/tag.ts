import { imageFlag, limitFlags, readLimits } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--image PATH[:TAG] NEW-TAG',
  description: 'Add a tag to an image in its layout. An image that had NEW-TAG loses it.',
  examples: ['layerhook tag --image image:base stable'],
  arguments: ['new-tag'],
  options: { ...imageFlag, ...limitFlags },
  async run([newTag], options, { log, signal }) {
    const { copyTag } = await import('../../../image/find-image.js');
    const { parseImageReference } = await import('../../../image/references.js');
    const { openLayout } = await import('../../../image/layout.js');
    const { path, tag } = parseImageReference(options.image);
    const layout = openLayout(path, { signal, ...readLimits(options, 'layerhook tag') });
    try {
      await copyTag(layout, tag, newTag!);
      log.info(`created new tag: ${JSON.stringify(newTag)} -> ${JSON.stringify(tag)}`);
    } finally {
      await layout.close();
    }
  },
});
