import {
  holesFlag,
  imageFlag,
  mapFlags,
  platformFlag,
  readMap,
  readMaxHoles,
  storeFlag,
} from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { formatBytes, formatCount } from '../../output/quantities.js';

const command = 'layerhook unpack';

export default defineCommand({
  usage: '--image PATH[:TAG] BUNDLE',
  description: `Unpacks the image TAG (latest by default) of the layout at PATH into the directory
BUNDLE, which must be new or empty: a rootfs, a config.json made from the image's
config for an OCI runtime, and what repack needs to find changes.

The bundle appears whole or not at all: every blob and layer is verified.`,
  arguments: ['bundle'],
  options: {
    'keep-dirlinks': { describe: 'keep a symlink to a directory where a layer has a directory in its place' },
    ...mapFlags,
    ...imageFlag,
    ...platformFlag,
    force: {
      extension: true,
      describe: 'unpack into a directory that has other files; bundle rm leaves them',
    },
    driver: {
      value: 'NAME',
      extension: true,
      describe: 'storage driver, shipped or a module (default: that of hooks.toml, or copy)',
    },
    ...storeFlag,
    ...holesFlag,
    mtree: {
      value: 'WHEN',
      extension: true,
      describe: 'always, or never: without a manifest only the driver can tell changes (default: always)',
    },
  },
  async run([bundle], options, { signal, log, onProgress, hooksFile }) {
    const { mtree } = options;
    if (mtree !== undefined && mtree !== 'always' && mtree !== 'never') {
      throw usageError(`--mtree ${mtree} is neither always nor never`, command);
    }
    const { unpack } = await import('../../../engine/unpack/unpack.js');
    const result = await unpack({
      image: options.image,
      bundle: bundle!,
      force: options.force,
      platform: options.platform,
      driver: options.driver,
      store: options.store,
      hooksFile,
      map: readMap(options),
      keepDirlinks: options['keep-dirlinks'],
      mtree,
      maxHoles: readMaxHoles(options, command),
      signal,
      log,
      onProgress,
    });
    const extracted = `${formatCount(result.entries)} entries, ${formatBytes(result.bytes)}`;
    log.info(`unpacked ${options.image} to ${bundle}`, {
      layers: result.layers,
      skipped: result.skipped,
      extracted,
    });
    if (result.skipped < result.layers) {
      const { syncLater } = await import('../store/sync-later.js');
      await syncLater(options, { hooksFile }).catch((error: Error) => log.debug(error.message));
    }
  },
});
