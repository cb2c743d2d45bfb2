import type { Descriptor } from '../../../image/types.js';
import { layoutFlag, limitFlags, readLayout, readLimits } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

/** How many images without a tag are named. */
const maxWarnings = 10;

export default defineCommand({
  usage: '[--json] --layout PATH',
  description: `Print the tags of a layout, one per line, in the order of its index.json.
With --json, also the digest, media type, size and platform of what each tag
names, and the images without a tag.`,
  examples: ['layerhook ls --layout image'],
  arguments: [],
  options: { ...layoutFlag, ...limitFlags },
  json: true,
  async run(_, options, { show, log }) {
    const path = readLayout(options, 'layerhook list');
    const limits = readLimits(options, 'layerhook list');
    const { openLayout } = await import('../../../image/layout.js');
    const { listUntagged } = await import('../../../image/find-image.js');
    const { isTag, listTagged } = await import('../../../image/references.js');
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    const layout = openLayout(path, limits);
    const tagged = listTagged(layout);
    const untagged = listUntagged(layout, layout.readIndex());
    await show({
      json: () => [
        ...tagged.map(({ tag, descriptor }) => row(tag, descriptor)),
        ...untagged.map((descriptor) => row(null, descriptor)),
      ],
      text: () => tagged.map(({ tag }) => quoteIfOdd(tag, false)),
    });
    if (tagged.length === 0) {
      for (const { digest } of untagged.slice(0, maxWarnings))
        log.warn(`an image has no tag: ${path}@${digest}`);
    }
    for (const { tag } of tagged) {
      if (!isTag(tag))
        log.warn(`tag ${quoteIfOdd(tag, true)} breaks the OCI image-spec: other programs may refuse it`);
    }
  },
});

function row(tag: string | null, { digest, mediaType, size, artifactType, platform }: Descriptor) {
  return { tag, digest, mediaType, size, artifactType, platform };
}
