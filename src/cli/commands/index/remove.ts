import { parsePlatform } from '../../../image/platform.js';
import { imageFlag, limitFlags, readLimits } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook index remove';

export default defineCommand({
  usage: '--image PATH[:TAG] PLATFORM|DIGEST...',
  description: `Remove images from the image index TAG, named by their platforms or digests
as layerhook index ls shows them. The attestations of an image are removed
with it. The blobs stay until layerhook gc.`,
  examples: ['layerhook index rm --image image:multi linux/arm64'],
  options: { ...imageFlag, ...limitFlags },
  async run(which, options, { signal, log }) {
    if (which.length === 0) throw usageError('missing argument: PLATFORM or DIGEST', command);
    const { removeImagesFromIndex } = await import('../../../engine/image/edit-index.js');
    const removed = await removeImagesFromIndex({
      image: options.image,
      which: which.map((one) => (one.includes(':') ? one : parsePlatform(one))),
      ...readLimits(options, command),
      signal,
    });
    for (const { digest } of removed) log.info(`removed ${digest} from the index ${options.image}`);
  },
});
