import { imageFlag, limitFlags, platformFlag, readLimits, readPlatform, tagFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook rebase';

export default defineCommand({
  usage: '[--tag TAG] [--old PATH[:TAG]] [--new PATH[:TAG]] --image PATH[:TAG]',
  description: `Replace the base of an image: the layers that it has from --old by those of
--new. The layers above stay, and no layer is read. An image that does not
begin with the layers of --old is refused. Use this only if the files of the
image work on top of the new base too.

Without --old and --new, the annotations of the image name its bases:
org.opencontainers.image.base.digest and org.opencontainers.image.base.name.
The new image gets both annotations of its new base.`,
  examples: ['layerhook rebase --image image:app --old image:debian-12.1 --new image:debian-12.2'],
  arguments: [],
  options: {
    ...imageFlag,
    ...tagFlag,
    old: { value: 'PATH[:TAG]', describe: 'present base of the image (default: the one in its annotation)' },
    new: { value: 'PATH[:TAG]', describe: 'next base of the image (default: the one in its annotation)' },
    ...limitFlags,
    ...platformFlag,
  },
  json: true,
  async run(_, options, { signal, log, show }) {
    const { rebaseImage } = await import('../../../engine/image/rebase.js');
    const result = await rebaseImage({
      image: options.image,
      tag: options.tag,
      oldBase: options.old,
      newBase: options.new,
      ...readPlatform(options),
      ...readLimits(options, command),
      signal,
    });
    const { manifest, tag, removed, added } = result;
    log.info(`new image manifest created: ${manifest.digest}`, { tag, removed, added });
    await show({ json: () => result, text: () => [] });
  },
});
