import { bundleDriverFlag, storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { eachBundle } from './each-bundle.js';

export default defineCommand({
  usage: 'BUNDLE... | --all',
  description: `Mount the rootfs of bundles with all its changes, for instance after a
reboot. A mounted bundle stays mounted. Bundles of the copy driver have
nothing to mount. If one bundle fails, the others are still mounted, and the
exit status is that of the last failure.`,
  examples: ['layerhook bundle mount bundle', 'layerhook bundle mount --all'],
  options: {
    all: { describe: 'mount every bundle that bundle ls shows as unmounted' },
    claim: {
      describe: 'use the changes of the former directory of the bundle, which was moved or restored',
    },
    ...bundleDriverFlag,
    ...storeFlag,
  },
  async run(bundles, { all, claim, driver, store }, context) {
    const { log, signal, hooksFile } = context;
    const { mountBundle } = await import('../../../engine/bundle/mount.js');
    const choice = { bundles, all: all ? { state: 'unmounted' as const, store } : undefined };
    return eachBundle(choice, { command: 'layerhook bundle mount', context }, async (bundle) => {
      const { handled } = await mountBundle({ bundle, claim, driver, store, hooksFile, log, signal });
      log.info(handled ? `mounted ${bundle}` : `${bundle} has nothing to mount`);
    });
  },
});
