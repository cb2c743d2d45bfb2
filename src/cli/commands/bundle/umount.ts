import { bundleDriverFlag, storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { eachBundle } from './each-bundle.js';

export default defineCommand({
  usage: 'BUNDLE... | --all',
  description: `Takes the mounts of bundles away. Nothing is lost: bundle mount brings them back. A
bundle that a container runs in, or in which something else is mounted, stays as it is;
the others are unmounted, and the exit status is 1.`,
  options: {
    all: { describe: 'every bundle that bundle ls shows as mounted' },
    ...bundleDriverFlag,
    ...storeFlag,
  },
  async run(bundles, { all, driver, store }, context) {
    const { log, signal, hooksFile } = context;
    const { unmountBundle } = await import('../../../engine/bundle/mount.js');
    const choice = { bundles, all: all ? { state: 'mounted' as const, store } : undefined };
    return eachBundle(choice, { command: 'layerhook bundle umount', context }, async (bundle) => {
      const { handled } = await unmountBundle({ bundle, driver, store, hooksFile, log, signal });
      log.info(handled ? `unmounted ${bundle}` : `${bundle} has nothing to unmount`);
    });
  },
});
