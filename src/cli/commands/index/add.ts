import { formatBytes } from '../../../terminal/quantities.js';
import { imageFlag, limitFlags, platformFlag, readLimits, readPlatform } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook index add';

export default defineCommand({
  usage: '--image PATH[:TAG] [--platform OS/ARCH[/VARIANT]] IMAGE...',
  description: `Add images to the image index TAG, and create the index if TAG is new. Each
IMAGE is PATH[:TAG]; its blobs are copied if it is in another layout. If
IMAGE is an index, all its images are added, with their attestations.

An image replaces the one for the same platform. The others stay.`,
  examples: ['layerhook index add --image image:multi image:amd64 image:arm64'],
  options: {
    ...imageFlag,
    ...platformFlag,
    platform: {
      ...platformFlag.platform,
      describe:
        'selects an image if IMAGE is an index; else the platform of IMAGE (default: that of its config)',
    },
    ...limitFlags,
  },
  json: true,
  async run(images, options, { signal, log, show }) {
    if (images.length === 0) throw usageError('missing argument: IMAGE', command);
    const platform = readPlatform(options);
    if (platform.platform && images.length > 1) throw usageError('--platform needs a single IMAGE', command);
    const { addImagesToIndex } = await import('../../../engine/image/edit-index.js');
    const index = await addImagesToIndex({
      image: options.image,
      images,
      ...platform,
      ...readLimits(options, command),
      onBlob: ({ digest, size }) => log.debug(`copying blob ${digest} (${formatBytes(size)})`),
      signal,
    });
    log.info(`new image index created: ${index.digest}`, { image: options.image });
    await show({ json: () => ({ index }), text: () => [] });
  },
});
