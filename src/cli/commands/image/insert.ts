import {
  compressFlag,
  historyFlags,
  holesFlag,
  imageFlag,
  limitFlags,
  mapFlags,
  platformFlag,
  readCompress,
  readHistory,
  readLimits,
  readMap,
  readMaxHoles,
  readPlatform,
  readSourceDateEpoch,
  tagFlag,
  traceFlag,
} from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { traced } from '../../output/trace/traced.js';

const command = 'layerhook insert';

export default defineCommand({
  usage: '--image PATH[:TAG] ([--opaque] SOURCE TARGET | --whiteout TARGET)',
  description: `Add a layer to an image that has the file or directory SOURCE of this host
at TARGET. A directory TARGET of the image is merged with SOURCE; with
--opaque, SOURCE replaces it. With --whiteout the layer deletes TARGET
instead.

The lower layers do not change: do not use this to remove a secret from an
image.`,
  examples: [
    'layerhook insert --image image:base --tag app ./app /opt/app',
    'layerhook insert --image image:base --whiteout /usr/share/doc',
  ],
  options: {
    ...imageFlag,
    ...tagFlag,
    opaque: { describe: 'hide the content that the image has in the directory TARGET' },
    whiteout: { describe: 'delete TARGET' },
    ...historyFlags,
    ...compressFlag,
    ...holesFlag,
    ...limitFlags,
    ...traceFlag,
    ...mapFlags,
    ...platformFlag,
  },
  json: true,
  async run(args, options, { persona, signal, log, onProgress, show }) {
    const [source, target] = readArguments(args, options.whiteout);
    const history = readHistory(options, command);
    if (history) history.createdBy ??= `${persona} insert`;
    const compress = readCompress(options);
    const { insertLayer } = await import('../../../engine/repack/insert.js');
    const result = await traced(options.trace, { name: command, signal }, () =>
      insertLayer({
        image: options.image,
        tag: options.tag,
        source,
        target,
        opaque: options.opaque,
        ...readPlatform(options),
        compress,
        map: readMap(options),
        history,
        sourceDateEpoch: readSourceDateEpoch(command),
        maxHoles: readMaxHoles(options, command),
        ...readLimits(options, command),
        signal,
        log,
        onProgress,
      }),
    );
    log.info(`new image manifest created: ${result.manifest.digest}`, {
      tag: result.tag,
      layer: result.layer.digest,
    });
    await show({ json: () => result, text: () => [] });
  },
});

function readArguments(args: readonly string[], whiteout: boolean): [source: string | null, target: string] {
  const expected = whiteout ? 1 : 2;
  if (args.length !== expected) {
    const names = whiteout ? '<TARGET>' : '<SOURCE> <TARGET>';
    throw usageError(`invalid number of positional arguments: expected ${names}`, command);
  }
  const empty = args.indexOf('');
  if (empty !== -1) throw usageError(`positional argument ${empty + 1} is empty`, command);
  return whiteout ? [null, args[0]!] : [args[0]!, args[1]!];
}
