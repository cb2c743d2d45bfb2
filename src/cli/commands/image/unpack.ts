import {
  holesFlag,
  imageFlag,
  jsonFlag,
  mapFlags,
  platformFlag,
  readMap,
  readMaxHoles,
  readMaxJson,
  storeFlag,
} from '../../args/flags.js';
import { parseBytes } from '../../args/parse-quantity.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { formatBytes, formatCount } from '../../output/quantities.js';

const command = 'layerhook unpack';

export default defineCommand({
  usage: '--image PATH[:TAG] BUNDLE',
  description: `Unpack the image TAG (default: latest) of the layout at PATH into the
directory BUNDLE, which must be new or empty. The bundle consists of a
rootfs, a config.json for an OCI runtime, generated from the image's config,
and the metadata that repack needs.

Every blob and layer is verified. If unpack fails, no bundle is left behind.`,
  arguments: ['bundle'],
  options: {
    'keep-dirlinks': { describe: 'keep a symlink to a directory if a layer has a directory at its path' },
    ...mapFlags,
    ...imageFlag,
    ...platformFlag,
    force: {
      extension: true,
      describe: 'unpack into a directory with other files; bundle rm keeps those files',
    },
    driver: {
      value: 'NAME',
      extension: true,
      describe: 'storage driver: a name or a module (default: the one in hooks.toml, else copy)',
    },
    ...storeFlag,
    ...holesFlag,
    ...jsonFlag,
    'zstd-window': {
      value: 'SIZE',
      extension: true,
      describe: 'largest window of a zstd layer, in memory: up to 2GiB (default: 128MiB)',
    },
    mtree: {
      value: 'WHEN',
      extension: true,
      describe: 'when to write an mtree manifest for repack: always or never (default: the driver decides)',
    },
  },
  async run([bundle], options, { signal, log, onProgress, hooksFile }) {
    const { mtree, 'zstd-window': window } = options;
    if (mtree !== undefined && mtree !== 'always' && mtree !== 'never') {
      throw usageError(`invalid --mtree ${mtree}: expected always or never`, command);
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
      ...readMaxJson(options, command),
      zstdWindow: window === undefined ? undefined : parseBytes(window, '--zstd-window', command),
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
