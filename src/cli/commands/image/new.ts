import { imageFlag, limitFlags, readLimits, readSourceDateEpoch } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--image PATH:TAG',
  description: `Create an image without layers in an existing layout, with the tag TAG. An
image that had this tag loses it. The platform is that of this machine; the
creation time is now, or SOURCE_DATE_EPOCH.`,
  examples: ['layerhook new --image image:empty'],
  arguments: [],
  options: { ...imageFlag, ...limitFlags },
  async run(_, options, { log, signal }) {
    const epoch = readSourceDateEpoch('layerhook new');
    const { parseImageReference } = await import('../../../image/references.js');
    const { openLayout } = await import('../../../image/layout.js');
    const { newImage } = await import('../../../image/new.js');
    const { path, tag } = parseImageReference(options.image);
    const layout = openLayout(path, { signal, ...readLimits(options, 'layerhook new') });
    try {
      const { digest } = await newImage(
        layout,
        tag,
        epoch === undefined ? new Date() : new Date(epoch * 1000),
      );
      log.info(`new image manifest created: ${digest}`);
      log.info(`created new tag for image manifest: ${tag}`);
    } finally {
      await layout.close();
    }
  },
});
