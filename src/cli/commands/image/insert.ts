import {
  compressFlag,
  historyFlags,
  holesFlag,
  imageFlag,
  mapFlags,
  platformFlag,
  readCompress,
  readHistory,
  readMap,
  readMaxHoles,
  readPlatform,
  readSourceDateEpoch,
  tagFlag,
} from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook insert';

export default defineCommand({
  usage: '--image PATH[:TAG] ([--opaque] SOURCE TARGET | --whiteout TARGET)',
  description: `Puts a layer on top of an image that holds the file or directory SOURCE of this
host as TARGET. What the image has in a directory TARGET stays, unless --opaque is
given; then only what is inserted is there. With --whiteout nothing is inserted:
the layer deletes TARGET.

The layers below are not changed: this is no way to take a secret out of an image.`,
  options: {
    ...imageFlag,
    ...tagFlag,
    opaque: { describe: 'hide what the image has in the directory TARGET' },
    whiteout: { describe: 'delete TARGET' },
    ...historyFlags,
    ...compressFlag,
    ...holesFlag,
    ...mapFlags,
    ...platformFlag,
  },
  async run(args, options, { persona, signal, log }) {
    const [source, target] = readArguments(args, options.whiteout);
    const history = readHistory(options, command);
    if (history) history.createdBy ??= `${persona} insert`;
    const compress = readCompress(options);
    const { insertLayer } = await import('../../../engine/repack/insert.js');
    const result = await insertLayer({
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
      signal,
      log,
    });
    log.info(`new image manifest created: ${result.manifest.digest}`, {
      tag: result.tag,
      layer: result.layer.digest,
    });
  },
});

function readArguments(args: readonly string[], whiteout: boolean): [source: string | null, target: string] {
  const expected = whiteout ? 1 : 2;
  if (args.length !== expected) {
    throw usageError(`invalid number of positional arguments: expected ${expected}`, command);
  }
  const empty = args.indexOf('');
  if (empty !== -1) throw usageError(`positional argument ${empty + 1} is empty`, command);
  return whiteout ? [null, args[0]!] : [args[0]!, args[1]!];
}
