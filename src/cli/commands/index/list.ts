import type { IndexEntry } from '../../../image/index-edit.js';
import { formatBytes } from '../../../terminal/quantities.js';
import { imageFlag, limitFlags, readLimits } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { table } from '../../output/table.js';

export default defineCommand({
  usage: '[--json] --image PATH[:TAG]',
  description: `List the entries of the image index TAG in their order: platform, kind,
digest and size of the manifest. The kind is image, attestation, artifact or
index.`,
  examples: ['layerhook index ls --image image:multi'],
  arguments: [],
  options: { ...imageFlag, ...limitFlags },
  json: true,
  async run(_, options, { show }) {
    const { parseImageReference } = await import('../../../image/references.js');
    const { openLayout } = await import('../../../image/layout.js');
    const { listIndex } = await import('../../../image/index-edit.js');
    const { showPlatform } = await import('../../../image/platform.js');
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    const { path, tag } = parseImageReference(options.image);
    const entries = listIndex(openLayout(path, readLimits(options, 'layerhook index list')), tag);
    await show({
      json: () => entries.map(jsonRow),
      text: () =>
        table([
          ['PLATFORM', 'KIND', 'DIGEST', 'SIZE'],
          ...entries.map(({ descriptor, kind, platform }) => [
            platform ? quoteIfOdd(showPlatform(platform), true) : '-',
            kind,
            descriptor.digest,
            formatBytes(descriptor.size),
          ]),
        ]),
    });
  },
});

function jsonRow({ descriptor, kind, platform }: IndexEntry) {
  const { digest, mediaType, size, artifactType, annotations } = descriptor;
  return { kind, platform, digest, mediaType, size, artifactType, annotations };
}
