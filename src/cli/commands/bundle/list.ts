import type { BundleEntry } from '../../../engine/bundle/list.js';
import { formatBytes, shortDigest } from '../../../terminal/quantities.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { table } from '../../output/table.js';
import { withStore } from '../store/shared.js';

export default defineCommand({
  usage: '[--json]',
  description: `List the bundles of the layer store: their state (mounted, unmounted,
damaged, missing), the image that they were unpacked from, the disk usage of
their changes, and their directory. The directory of a missing bundle is
gone; umoci.json or the changes of a damaged one. bundle rm --force removes
both.`,
  examples: ['layerhook bundle ls'],
  arguments: [],
  options: storeFlag,
  json: true,
  async run(_, options, context) {
    const { bundlesIn } = await import('../../../engine/bundle/list.js');
    const bundles = await withStore(options, context, bundlesIn, () => []);
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    const rows = () => bundles.map((entry) => [...columns(entry), quoteIfOdd(entry.bundle, false)]);
    await context.show({
      json: () => bundles,
      text: () => table([['STATE', 'IMAGE', 'CHANGES', 'BUNDLE'], ...rows()]),
    });
  },
});

function columns({ state, image, bytes }: BundleEntry): string[] {
  const name = image === null ? '-' : [image.tag, shortDigest(image.digest)].filter(Boolean).join('@');
  return [state, name, formatBytes(bytes)];
}
