import { bundleDriverFlag, storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { eachBundle } from './each-bundle.js';

export default defineCommand({
  usage: 'BUNDLE... | --all',
  description: `Makes the rootfs of bundles usable again: mounts it as unpack did, with all changes.
After a reboot it is not mounted any more. One that is mounted stays as it is, and
bundles of the copy driver have nothing to mount. Where one cannot be mounted, the
others are, and the exit status is 1.`,
  options: {
    all: { describe: 'every bundle that bundle ls shows as unmounted' },
    claim: {
      describe: 'the bundle was moved or restored: the changes kept for its old directory are its own now',
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
