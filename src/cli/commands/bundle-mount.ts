import { defineCommand } from '../command.js';
import { eachBundle } from '../each-bundle.js';

export default defineCommand({
  usage: 'BUNDLE...',
  description: `Makes the rootfs of bundles usable again: mounts it as unpack did, with all changes.
After a reboot it is not mounted any more. One that is mounted stays as it is, and
bundles of the copy driver have nothing to mount.`,
  options: {},
  async run(bundles, _, { log, signal, hooksFile }) {
    const { mountBundle } = await import('../../engine/bundle-mount.js');
    return eachBundle(bundles, { command: 'layerhook bundle mount', log }, async (bundle) => {
      const { handled } = await mountBundle({ bundle, hooksFile, log, signal });
      log.info(handled ? `mounted ${bundle}` : `${bundle} has nothing to mount`);
    });
  },
});
