import { bundleDriverFlag, storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { eachBundle } from './each-bundle.js';

export default defineCommand({
  usage: 'BUNDLE... | --all',
  description: `Unmount the rootfs of bundles. Changes are kept: bundle mount mounts it
again. If a container runs in a bundle, or something else is mounted in it,
the bundle stays mounted, the others are still unmounted, and the exit
status is 1.`,
  examples: ['layerhook bundle umount bundle'],
  options: {
    all: { describe: 'unmount every bundle that bundle ls shows as mounted' },
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
