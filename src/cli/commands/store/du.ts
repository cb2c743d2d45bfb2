import type { StoredBundle, StoredLayer } from '../../../engine/store-usage.js';
import type { Store } from '../../../store/types.js';
import { formatBytes } from '../../../terminal/quantities.js';
import { formatCount } from '../../../text/counted.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { table } from '../../output/table.js';
import { withStore } from './shared.js';

export default defineCommand({
  usage: '[--json]',
  description: `Show the disk usage of bundles: their own changes, and the layers that they
share with other bundles. A shared layer is stored once. The last two lines
are the layers that no bundle needs, and the total.`,
  examples: ['layerhook store du'],
  arguments: [],
  options: storeFlag,
  json: true,
  async run(_, options, context) {
    const nothing = { layers: [], bundles: [] };
    const { layers, bundles } = await withStore(options, context, usageOf, () => nothing);
    const sizes = layers.map(({ usage }) => ({ bytes: usage?.size ?? 0, inodes: usage?.inodes ?? 0 }));
    const unused = sum(sizes.filter((_, at) => layers[at]!.bundles.length === 0));
    const total = sum([...sizes, ...bundles]);
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    const rows = () => [
      ...bundles.map((each) => row(each, formatBytes(each.shared), quoteIfOdd(each.bundle, false))),
      row(unused, '-', '(layers that no bundle needs)'),
      row(total, '-', '(total)'),
    ];
    await context.show({
      json: () => ({ bundles, unused, total }),
      text: () => table([['OWN', 'INODES', 'SHARED', 'BUNDLE'], ...rows()]),
    });
  },
});

function row({ bytes, inodes }: Size, shared: string, name: string): string[] {
  return [formatBytes(bytes), formatCount(inodes), shared, name];
}

async function usageOf(store: Store): Promise<{ layers: StoredLayer[]; bundles: StoredBundle[] }> {
  const { storeUsage } = await import('../../../engine/store-usage.js');
  return storeUsage(store);
}

interface Size {
  bytes: number;
  inodes: number;
}

function sum(sizes: readonly Size[]): Size {
  const add = (a: Size, b: Size) => ({ bytes: a.bytes + b.bytes, inodes: a.inodes + b.inodes });
  return sizes.reduce(add, { bytes: 0, inodes: 0 });
}
