import { bundleDriverFlag, storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { eachBundle } from './each-bundle.js';

export default defineCommand({
  usage: '[--force] BUNDLE...',
  description: `Remove bundles with all their changes: mounts, directory, and their data in
the layer store. Layers stay in the store for other bundles; store gc
removes unused ones. It is an error if a container runs in the bundle, or if
something else is mounted in it. Files in the directory that layerhook did
not create are kept and listed.`,
  examples: ['layerhook bundle rm bundle', 'layerhook bundle rm --force bundle'],
  options: {
    force: {
      alias: ['f'],
      describe:
        'continue if the driver, its store or a hook fails; if the directory is gone, remove its changes',
    },
    ...bundleDriverFlag,
    ...storeFlag,
  },
  async run(bundles, { force, driver, store }, context) {
    const { log, signal, hooksFile } = context;
    const { removeBundle } = await import('../../../engine/bundle/remove.js');
    const { listed } = await import('../../../engine/unpack/publish.js');
    return eachBundle({ bundles }, { command: 'layerhook bundle rm', context }, async (bundle) => {
      const { removed, left } = await removeBundle({ bundle, force, driver, store, hooksFile, log, signal });
      if (left.length > 0)
        log.warn(`kept directory ${bundle} with files that layerhook did not create: ${listed(left)}`);
      log.info(removed ? `removed ${bundle}` : `no bundle found at ${bundle}`);
    });
  },
});
