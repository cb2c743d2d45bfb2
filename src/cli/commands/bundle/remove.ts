import { bundleDriverFlag, storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { eachBundle } from './each-bundle.js';

export default defineCommand({
  usage: '[--force] BUNDLE...',
  description: `Removes bundles, with all that was changed in them: mounts, directory, and what a layer
store keeps for them. Layers stay in the store for other bundles; store gc frees those
that nobody uses. A bundle that a container runs in, or in which something else is
mounted, stays as it is. Other files in its directory stay too, and are listed.`,
  options: {
    force: {
      alias: ['f'],
      describe:
        'go on if the driver, its store or a hook fails; if the directory is gone, remove what is left of it',
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
        log.warn(`directory ${bundle} stays, with files that layerhook did not make: ${listed(left)}`);
      log.info(removed ? `removed ${bundle}` : `there was no bundle at ${bundle}`);
    });
  },
});
