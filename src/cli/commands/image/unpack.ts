import { formatBytes } from '../../../terminal/quantities.js';
import { formatCounted } from '../../../text/counted.js';
import {
  digestFileFlag,
  holesFlag,
  limitFlags,
  mapFlags,
  optionalImageFlag,
  platformFlag,
  readLimits,
  readMap,
  readMaxHoles,
  storeFlag,
  traceFlag,
  writeDigestFile,
} from '../../args/flags.js';
import { parseBytes } from '../../args/parse-quantity.js';
import { usageError } from '../../args/usage.js';
import { defineCommand, type Persona } from '../../command.js';
import { traced } from '../../output/trace/traced.js';

const command = 'layerhook unpack';

export default defineCommand({
  usage: '--image PATH[:TAG] | --pull SOURCE BUNDLE',
  description: `Unpack the image TAG (default: latest) of the layout at PATH into the
directory BUNDLE, which must be new or empty. The bundle consists of a
rootfs, a config.json for an OCI runtime, generated from the image's config,
and the metadata that repack needs.

With --pull, skopeo first copies the image SOURCE (docker://debian:12 for
example) into the layout ~/.local/share/layerhook/images.

Every blob and layer is verified. If unpack fails, no bundle is left behind.`,
  examples: [
    'layerhook unpack --image image:base bundle',
    'layerhook unpack --driver overlay --image image:base bundle',
    'layerhook unpack --pull docker://debian:12 bundle',
  ],
  arguments: ['bundle'],
  options: {
    'keep-dirlinks': { describe: 'keep a symlink to a directory if a layer has a directory at its path' },
    ...mapFlags,
    ...optionalImageFlag,
    pull: {
      value: 'SOURCE',
      extension: true,
      describe: 'image of a registry or engine, which skopeo copies first; in place of --image',
    },
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
    ...limitFlags,
    ...traceFlag,
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
    ...digestFileFlag,
  },
  json: true,
  async run([bundle], options, { persona, signal, log, onProgress, hooksFile, show }) {
    const { mtree, 'zstd-window': window } = options;
    if (mtree !== undefined && mtree !== 'always' && mtree !== 'never') {
      throw usageError(`invalid --mtree ${mtree}: expected always or never`, command);
    }
    const image = await imageOf(options, persona, signal);
    const { unpack } = await import('../../../engine/unpack/unpack.js');
    const result = await traced(options.trace, { name: command, signal }, () =>
      unpack({
        image,
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
        ...readLimits(options, command),
        zstdWindow: window === undefined ? undefined : parseBytes(window, '--zstd-window', command),
        signal,
        log,
        onProgress,
      }),
    );
    const extracted = `${formatCounted(result.entries, 'entries')}, ${formatBytes(result.bytes)}`;
    log.info(`unpacked ${image} to ${bundle}`, {
      layers: result.layers,
      skipped: result.skipped,
      extracted,
    });
    await writeDigestFile(options, result.manifest, signal);
    await show({ json: () => ({ image, ...result }), text: () => [] });
    if (result.skipped < result.layers) {
      const { syncLater } = await import('../store/sync-later.js');
      await syncLater(options, { hooksFile }).catch((error: Error) => log.debug(error.message));
    }
  },
});

async function imageOf(
  { image, pull, platform }: Record<'image' | 'pull' | 'platform', string | undefined>,
  persona: Persona,
  signal: AbortSignal,
): Promise<string> {
  if (image !== undefined && pull !== undefined)
    throw usageError('--image and --pull may not be specified together', command);
  if (image !== undefined) return image;
  if (pull !== undefined) return (await import('../../pull-image.js')).pullImage(pull, { platform, signal });
  const other = persona === 'umoci' ? '' : ' or --pull';
  throw usageError(`missing mandatory argument: --image${other}`, command);
}
