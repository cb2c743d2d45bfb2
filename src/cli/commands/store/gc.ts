import { oneLine } from '../../../errors/error.js';
import type { Store } from '../../../store/types.js';
import { formatBytes } from '../../../terminal/quantities.js';
import { formatCounted } from '../../../text/counted.js';
import { storeFlag } from '../../args/flags.js';
import { parseBytes, parseDuration } from '../../args/parse-quantity.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { withStore } from './shared.js';

const command = 'layerhook store gc';
const nothing = { removed: [], bytes: 0, missing: [], forgotten: [] };

export default defineCommand({
  usage: '[--keep SIZE] [--unused-for TIME]',
  description: `Remove the layers that no bundle needs and no label (containerd.io/gc.root)
protects, the least recently used first, and the leftovers of killed
commands: snapshots, mounts and private directories of bundles, and files.
Layers that a running command uses are spared.`,
  examples: ['layerhook store gc --keep 10GB', 'layerhook store gc --unused-for 7d --dry-run'],
  arguments: [],
  options: {
    ...storeFlag,
    keep: {
      value: 'SIZE',
      describe: 'size of layers to keep, with its unit, such as 10GB or 500MiB; 0 keeps none',
    },
    'unused-for': { value: 'TIME', describe: 'remove only layers unused for this long, such as 7d' },
    'missing-bundles': {
      describe: 'remove the changes of bundles whose directory or umoci.json is gone',
    },
    'dry-run': { describe: 'print what would be removed, and remove nothing' },
  },
  json: true,
  async run(_, options, context) {
    const { hooksFile, log, show, signal, onProgress } = context;
    const { keep, 'unused-for': unusedFor, 'dry-run': dryRun } = options;
    const { workTo } = await import('../../../engine/progress.js');
    const policy = {
      keepBytes: keep === undefined ? undefined : parseKeep(keep),
      unusedFor: unusedFor === undefined ? undefined : parseDuration(unusedFor, '--unused-for', command),
      dryRun,
      onFreed: workTo(onProgress, 'free'),
    };
    const collect = async (store: Store) => {
      const { lostBundles, removeLeftovers, removeLost } = await import('../../../engine/bundle/collect.js');
      const bundleOptions = { store: options.store, hooksFile, log, signal };
      onProgress?.({ type: 'phase', name: 'leftovers' });
      // first, since the snapshots of killed commands keep the layers below them
      if (!dryRun) await removeLeftovers(store, bundleOptions);
      const lost = await lostBundles(store);
      const removes = options['missing-bundles'] && !dryRun;
      const removed = removes ? await removeLost(store, lost, bundleOptions) : [];
      if (!dryRun) await store.cleanup();
      return { missing: lost, forgotten: removed, ...(await store.gc(policy)) };
    };
    const { removed, bytes, missing, forgotten } = await withStore(options, context, collect, () => nothing);
    for (const { name, bytes: size } of removed) log.info(`freed ${name}`, { size: formatBytes(size) });
    for (const { state, bundle } of forgotten) log.info(`removed the changes of ${state} bundle ${bundle}`);
    const kept = missing.filter((entry) => !forgotten.includes(entry));
    await show({
      json: () => ({ removed, bytes, missingBundles: missing }),
      text: () => [
        ...kept.map(
          (entry) =>
            `${entry.state} bundle ${oneLine(entry.bundle)} still has ${formatBytes(entry.bytes)} of changes`,
        ),
        ...(kept.length > 0 && !options['missing-bundles']
          ? [`${command} --missing-bundles removes these changes`]
          : []),
        `${dryRun ? 'would free' : 'freed'} ${formatBytes(bytes)} of ${formatCounted(removed.length, 'layers')}`,
      ],
    });
  },
});

/** A number without a unit may be meant as gigabytes or as a number of layers: as bytes, it would remove all. */
function parseKeep(text: string): number {
  const bytes = parseBytes(text, '--keep', command);
  if (bytes === 0 || /[a-z]/i.test(text)) return bytes;
  throw usageError(`--keep ${text} has no unit; write ${text}GB, or ${text}B for bytes`, command);
}
