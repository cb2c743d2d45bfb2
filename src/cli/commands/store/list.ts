import type { StoredLayer } from '../../../engine/store-usage.js';
import type { Store } from '../../../store/types.js';
import { formatBytes, shortDigest } from '../../../terminal/quantities.js';
import { formatCount } from '../../../text/counted.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { table } from '../../output/table.js';
import { layerName, layerState, withStore } from './shared.js';

export default defineCommand({
  usage: '[--json]',
  description: `List the layers of the layer store, the most recently used first: chainID,
diffID of the tar, disk usage, form (a directory or an EROFS image), state,
and how many bundles and which clients use them. The state "on disk" is
final, "in memory" is trusted until a reboot. Layers in the other states
(unproven, missing, damaged) are extracted again on the next use.`,
  examples: ['layerhook store ls'],
  arguments: [],
  options: storeFlag,
  json: true,
  async run(_, options, context) {
    const list = async (store: Store) => {
      const { storeUsage } = await import('../../../engine/store-usage.js');
      return (await storeUsage(store)).layers;
    };
    const layers = await withStore(options, context, list, () => []);
    await context.show({ json: () => layers, text: () => columns(layers) });
  },
});

function columns(layers: readonly StoredLayer[]): string[] {
  const rows = layers.map((layer) => [
    layerName(layer),
    layer.layer?.diffID ? shortDigest(layer.layer.diffID) : '-',
    formatBytes(layer.usage!.size),
    formatCount(layer.usage!.inodes),
    layer.erofs === undefined ? 'directory' : 'erofs',
    layerState(layer),
    layer.missing === undefined ? layer.lastUsed.toISOString().slice(0, 19).replace('T', ' ') : '-',
    String(layer.bundles.length),
    [...new Set(layer.names.map(({ client }) => client))].join(','),
  ]);
  const heading = [
    'LAYER',
    'DIFFID',
    'SIZE',
    'INODES',
    'FORM',
    'STATE',
    'LAST USED (UTC)',
    'BUNDLES',
    'CLIENTS',
  ];
  return table([heading, ...rows]);
}
