import { defineCommand } from '../command.js';
import { eachBundle } from '../each-bundle.js';

export default defineCommand({
  usage: 'BUNDLE...',
  description: `Takes the mounts of bundles away. Nothing is lost: bundle mount brings them back. A
bundle that a container runs in, or in which something else is mounted, stays as it is.`,
  options: {},
  async run(bundles, _, { log, signal, hooksFile }) {
    const { unmountBundle } = await import('../../engine/bundle-mount.js');
    return eachBundle(bundles, { command: 'layerhook bundle umount', log }, async (bundle) => {
      const { handled } = await unmountBundle({ bundle, hooksFile, log, signal });
      log.info(handled ? `unmounted ${bundle}` : `${bundle} has nothing to unmount`);
    });
  },
});
