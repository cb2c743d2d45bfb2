import { oneLine } from '../../../errors/error.js';
import type { Store } from '../../../store/types.js';
import { storeFlag } from '../../args/flags.js';
import { parseBytes, parseDuration } from '../../args/parse-quantity.js';
import { defineCommand } from '../../command.js';
import { formatBytes } from '../../output/quantities.js';
import { withStore } from './shared.js';

const command = 'layerhook store gc';
const nothing = { removed: [], bytes: 0, missing: [] };

export default defineCommand({
  usage: '[--keep SIZE] [--unused-for TIME]',
  description: `Frees the layers that no bundle needs and no label holds (containerd.io/gc.root), the one
that was used longest ago first, and what commands that died left behind. Layers that
a command still at work has found or made are spared.`,
  arguments: [],
  options: {
    ...storeFlag,
    keep: { value: 'SIZE', describe: 'stop when the layers take no more than this, such as 10GB' },
    'unused-for': { value: 'TIME', describe: 'free only what nobody has used for so long, such as 7d' },
    'missing-bundles': {
      describe: 'remove what is left of bundles whose directory is gone, with their changes',
    },
    'dry-run': { describe: 'only say what would be freed' },
    json: { describe: 'print JSON' },
  },
  async run(_, options, context) {
    const { log, print } = context;
    const { keep, 'unused-for': unusedFor, 'dry-run': dryRun } = options;
    const policy = {
      keepBytes: keep === undefined ? undefined : parseBytes(keep, '--keep', command),
      unusedFor: unusedFor === undefined ? undefined : parseDuration(unusedFor, '--unused-for', command),
      dryRun,
    };
    const collect = async (store: Store) => {
      const { missingBundles } = await import('../../../engine/bundle/missing-bundles.js');
      const missing = await missingBundles(store);
      if (options['missing-bundles'] && !dryRun) for (const { key } of missing) await store.remove(key);
      // what dead commands began keeps the layers below it
      if (!dryRun) await store.cleanup();
      return { missing, ...(await store.gc(policy)) };
    };
    const { removed, bytes, missing } = await withStore(options, context, collect, () => nothing);
    if (options.json) {
      print(JSON.stringify({ removed, bytes, missingBundles: missing }, null, 2));
      return;
    }
    for (const { name, bytes: size } of removed) log.info(`freed ${name}`, { size: formatBytes(size) });
    for (const { bundle, bytes: size } of missing) {
      if (options['missing-bundles'] && !dryRun) log.info(`removed what was left of ${bundle}`);
      else print(`${formatBytes(size)} of changes are left of ${oneLine(bundle)}, which is gone`);
    }
    print(`${dryRun ? 'would free' : 'freed'} ${formatBytes(bytes)} of ${removed.length} layers`);
  },
});
