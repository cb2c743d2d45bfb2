import type { StoredBundle, StoredLayer } from '../../../engine/store-usage.js';
import type { Store } from '../../../store/types.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { formatBytes, formatCount } from '../../output/quantities.js';
import { table } from '../../output/table.js';
import { withStore } from './shared.js';

export default defineCommand({
  usage: '[--json]',
  description: `Show the disk usage of bundles: their own changes, and the layers that they
share with other bundles. A shared layer is stored once. The last two lines
are the layers that no bundle needs, and the total.`,
  arguments: [],
  options: {
    ...storeFlag,
    json: { describe: 'print JSON' },
  },
  async run(_, options, context) {
    const nothing = { layers: [], bundles: [] };
    const { layers, bundles } = await withStore(options, context, usageOf, () => nothing);
    const sizes = layers.map(({ usage }) => ({ bytes: usage?.size ?? 0, inodes: usage?.inodes ?? 0 }));
    const unused = sum(sizes.filter((_, at) => layers[at]!.bundles.length === 0));
    const total = sum([...sizes, ...bundles]);
    if (options.json) {
      context.print(JSON.stringify({ bundles, unused, total }, null, 2));
      return;
    }
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    const row = (bytes: number, inodes: number, shared: string, name: string) => [
      formatBytes(bytes),
      formatCount(inodes),
      shared,
      name,
    ];
    const rows = [
      ...bundles.map(({ bundle, bytes, inodes, shared }) =>
        row(bytes, inodes, formatBytes(shared), quoteIfOdd(bundle, false)),
      ),
      row(unused.bytes, unused.inodes, '-', '(layers that no bundle needs)'),
      row(total.bytes, total.inodes, '-', '(total)'),
    ];
    for (const line of table([['OWN', 'INODES', 'SHARED', 'BUNDLE'], ...rows])) context.print(line);
  },
});

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
