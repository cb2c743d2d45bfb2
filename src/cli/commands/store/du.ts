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
    const { layers, bundles } = await withStore(options, context, usageOf, () => ({
      layers: [],
      bundles: [],
    }));
    const unused = sizeOf(layers.filter((layer) => layer.bundles.length === 0));
    const own = {
      bytes: bundles.reduce((sum, { bytes }) => sum + bytes, 0),
      inodes: bundles.reduce((sum, { inodes }) => sum + inodes, 0),
    };
    const all = sizeOf(layers);
    const total = { bytes: all.bytes + own.bytes, inodes: all.inodes + own.inodes };
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

function sizeOf(layers: readonly { usage?: { size: number; inodes: number } }[]): {
  bytes: number;
  inodes: number;
} {
  return {
    bytes: layers.reduce((sum, { usage }) => sum + (usage?.size ?? 0), 0),
    inodes: layers.reduce((sum, { usage }) => sum + (usage?.inodes ?? 0), 0),
  };
}
