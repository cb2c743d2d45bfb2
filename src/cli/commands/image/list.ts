import type { Descriptor } from '../../../image/types.js';
import { layoutFlag, limitFlags, readLayout, readLimits } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '[--json] --layout PATH',
  description: `Print the tags of a layout, one per line, in the order of its index.json.
With --json, also the digest, media type, size and platform of what each tag
names.`,
  examples: ['layerhook ls --layout image'],
  arguments: [],
  options: { ...layoutFlag, ...limitFlags },
  json: true,
  async run(_, options, { show, log }) {
    const path = readLayout(options, 'layerhook list');
    const limits = readLimits(options, 'layerhook list');
    const { openLayout } = await import('../../../image/layout.js');
    const { isTag, listTagged } = await import('../../../image/references.js');
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    const tagged = listTagged(openLayout(path, limits));
    await show({
      json: () => tagged.map(({ tag, descriptor }) => row(tag, descriptor)),
      text: () => tagged.map(({ tag }) => quoteIfOdd(tag, false)),
    });
    for (const { tag } of tagged) {
      if (!isTag(tag))
        log.warn(`tag ${quoteIfOdd(tag, true)} breaks the OCI image-spec: other programs may refuse it`);
    }
  },
});

function row(tag: string, { digest, mediaType, size, artifactType, platform }: Descriptor) {
  return { tag, digest, mediaType, size, artifactType, platform };
}
