import { resolve } from 'node:path';
import type { OperationOptions } from '../../../engine/operation-options.js';
import {
  bundleDriverFlag,
  compressFlag,
  historyFlags,
  holesFlag,
  imageFlag,
  readCompress,
  readHistory,
  readMaxHoles,
  readSourceDateEpoch,
  storeFlag,
} from '../../args/flags.js';
import { type CommandContext, defineCommand } from '../../command.js';

const command = 'layerhook repack';

export default defineCommand({
  usage: '--image PATH[:NEW-TAG] BUNDLE',
  description: `Makes a layer of what has changed in BUNDLE since it was unpacked, puts it on top
of the image it was unpacked from, and tags the result NEW-TAG (latest by
default). PATH is the layout that the bundle came from. Id maps are those of the
unpacking. When nothing has changed there is a history entry but no layer.

SOURCE_DATE_EPOCH, if set, is the time of the history entry, and no file in the
layer is newer than it.`,
  arguments: ['bundle'],
  options: {
    'mask-path': { value: 'PATH', many: true, describe: 'a path in the image whose changes do not count' },
    'no-mask-volumes': { describe: 'let changes in the volumes of the image count' },
    'refresh-bundle': { describe: 'make the bundle one of the new image, so that it can be repacked again' },
    ...historyFlags,
    ...compressFlag,
    ...holesFlag,
    ...imageFlag,
    ...bundleDriverFlag,
    ...storeFlag,
  },
  async run([bundle], options, { persona, signal, log, onProgress, hooksFile }) {
    const compress = readCompress(options);
    const history = readHistory(options, command);
    if (history) history.createdBy ??= `${persona} repack`;
    const sourceDateEpoch = readSourceDateEpoch(command);
    const { repack } = await import('../../../engine/repack/repack.js');
    const result = await repack({
      image: options.image,
      bundle: bundle!,
      compress,
      history,
      maskPaths: [...options['mask-path']],
      maskVolumes: !options['no-mask-volumes'],
      refreshBundle: options['refresh-bundle'],
      sourceDateEpoch,
      driver: options.driver,
      store: options.store,
      hooksFile,
      maxHoles: readMaxHoles(options, command),
      signal,
      log,
      onProgress,
    });
    log.info(`repacked ${bundle} as ${result.manifest.digest}`, {
      tag: result.tag,
      changes: result.changes,
      layer: result.layer?.digest ?? 'none',
    });
    if (options['refresh-bundle'] && result.layer !== null) {
      const { driver, store } = options;
      await syncStoreOf(bundle!, { driver, store, hooksFile }).catch((error: Error) =>
        log.debug(error.message),
      );
    }
  },
});

/** Lets the new layer reach the disk after this command has ended. */
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
