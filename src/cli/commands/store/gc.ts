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
  description: `Remove the layers that no bundle needs and no label (containerd.io/gc.root)
protects, the least recently used first, and the leftovers of killed
commands. Layers that a running command uses are spared.`,
  arguments: [],
  options: {
    ...storeFlag,
    keep: { value: 'SIZE', describe: 'size of layers to keep, such as 10GB' },
    'unused-for': { value: 'TIME', describe: 'remove only layers unused for this long, such as 7d' },
    'missing-bundles': {
      describe: 'remove the changes of bundles whose directory is gone',
    },
    'dry-run': { describe: 'print what would be removed, and remove nothing' },
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
      // first, since unfinished snapshots of killed commands keep the layers below them
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
      if (options['missing-bundles'] && !dryRun) log.info(`removed the changes of missing bundle ${bundle}`);
      else print(`missing bundle ${oneLine(bundle)} still has ${formatBytes(size)} of changes`);
    }
    print(`${dryRun ? 'would free' : 'freed'} ${formatBytes(bytes)} of ${removed.length} layers`);
  },
});
