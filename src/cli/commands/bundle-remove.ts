import { defineCommand } from '../command.js';
import { eachBundle } from '../each-bundle.js';

export default defineCommand({
  usage: '[--force] BUNDLE...',
  description: `Removes bundles, with all that was changed in them: mounts, directory, and what a layer
store keeps for them. Layers stay in the store for other bundles; store gc removes those
that nobody uses. A bundle that a container runs in, or in which something else is
mounted, stays as it is.`,
  options: {
    force: {
      alias: ['f'],
      describe: 'go on if the driver, its store or a hook fails, and if there is no bundle',
    },
  },
  async run(bundles, { force }, { log, signal, hooksFile }) {
    const { removeBundle } = await import('../../engine/bundle-remove.js');
    return eachBundle(bundles, { command: 'layerhook bundle rm', log }, async (bundle) => {
      const { removed } = await removeBundle({ bundle, force, hooksFile, log, signal });
      log.info(removed ? `removed ${bundle}` : `there was no bundle at ${bundle}`);
    });
  },
});
