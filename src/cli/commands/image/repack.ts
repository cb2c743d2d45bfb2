import { resolve } from 'node:path';
import type { OperationOptions } from '../../../engine/operation-options.js';
import {
  bundleDriverFlag,
  compressFlag,
  digestFileFlag,
  historyFlags,
  holesFlag,
  limitFlags,
  optionalImageFlag,
  platformFlag,
  readCompress,
  readHistory,
  readLimits,
  readMaxHoles,
  readSourceDateEpoch,
  storeFlag,
  traceFlag,
  writeDigestFile,
} from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { type CommandContext, defineCommand } from '../../command.js';
import { traced } from '../../output/trace/traced.js';

const command = 'layerhook repack';

export default defineCommand({
  usage: '--image PATH[:NEW-TAG] BUNDLE | --tag NEW-TAG BUNDLE',
  description: `Create a layer of the changes in BUNDLE since unpack, add it to the image
that BUNDLE was unpacked from, and tag the result NEW-TAG (default: latest).
PATH is the layout that the bundle was unpacked from; with --tag, the bundle
itself names that layout. The ID maps are those of unpack. Without changes,
the image gets a history entry but no layer.

SOURCE_DATE_EPOCH, if set, is the time of the history entry. Newer files in
the layer get this time too.`,
  examples: [
    'layerhook repack --image image:changed bundle',
    'layerhook repack --tag changed --refresh-bundle bundle',
  ],
  arguments: ['bundle'],
  options: {
    'mask-path': { value: 'PATH', many: true, describe: 'path in the image whose changes are ignored' },
    'no-mask-volumes': { describe: 'include changes in the volumes of the image' },
    'refresh-bundle': { describe: 'record the new image in the bundle, so that it can be repacked again' },
    ...historyFlags,
    ...compressFlag,
    ...holesFlag,
    ...limitFlags,
    ...traceFlag,
    ...optionalImageFlag,
    tag: {
      value: 'NEW-TAG',
      extension: true,
      describe: 'tag for the result; without --image, in the layout that the bundle came from',
    },
    platform: {
      ...platformFlag.platform,
      describe: 'if NEW-TAG names an index: replace the image for this platform there, and keep the others',
    },
    ...bundleDriverFlag,
    ...storeFlag,
    ...digestFileFlag,
  },
  json: true,
  async run([bundle], options, { persona, signal, log, onProgress, hooksFile, show }) {
    const { image, tag } = options;
    requireTarget(options, persona);
    const compress = readCompress(options);
    const history = readHistory(options, command);
    if (history) history.createdBy ??= `${persona} repack`;
    const sourceDateEpoch = readSourceDateEpoch(command);
    const { repack } = await import('../../../engine/repack/repack.js');
    const result = await traced(options.trace, { name: command, signal }, () =>
      repack({
        ...{ image, tag, platform: options.platform, bundle: bundle!, compress, history },
        maskPaths: [...options['mask-path']],
        maskVolumes: !options['no-mask-volumes'],
        refreshBundle: options['refresh-bundle'],
        ...{ sourceDateEpoch, driver: options.driver, store: options.store, hooksFile },
        maxHoles: readMaxHoles(options, command),
        ...readLimits(options, command),
        ...{ signal, log, onProgress },
      }),
    );
    log.info(`repacked ${bundle} as ${result.manifest.digest}`, {
      tag: result.tag,
      changes: result.changes,
      layer: result.layer?.digest ?? 'none',
    });
    await writeDigestFile(options, result.manifest, signal);
    await show({ json: () => result, text: () => [] });
    if (options['refresh-bundle'] && result.layer !== null) {
      const { driver, store } = options;
      await syncStoreOf(bundle!, { driver, store, hooksFile }).catch((error: Error) =>
        log.debug(error.message),
      );
    }
  },
});

/** @throws UsageError if neither option names the new image */
function requireTarget(
  { image, tag }: { image?: string | undefined; tag?: string | undefined },
  persona: CommandContext['persona'],
): void {
  if (image !== undefined || tag !== undefined) return;
  const other = persona === 'umoci' ? '' : ' or --tag';
  throw usageError(`missing mandatory argument: --image${other}`, command);
}

/** Starts to flush the new layer to the disk in the background. */
async function syncStoreOf(
  bundle: string,
  options: Pick<OperationOptions, 'driver' | 'store'> & Pick<CommandContext, 'hooksFile'>,
): Promise<void> {
  const { readBundleMeta } = await import('../../../engine/bundle/metadata.js');
  const { driverChoiceOf } = await import('../../../engine/operation.js');
  const { syncLater } = await import('../store/sync-later.js');
  const recorded = { bundle: resolve(bundle), ...readBundleMeta(bundle) };
  const { store } = (await driverChoiceOf(options, recorded)).options;
  if (typeof store === 'string') await syncLater({ store }, options);
}
