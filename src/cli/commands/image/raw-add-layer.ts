import {
  compressFlag,
  historyFlags,
  imageFlag,
  limitFlags,
  platformFlag,
  readCompress,
  readHistory,
  readLimits,
  readPlatform,
  readSourceDateEpoch,
  tagFlag,
} from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { nameOfTar, readTar } from './read-tar.js';

const command = 'layerhook raw add-layer';

export default defineCommand({
  usage: '--image PATH[:TAG] TAR',
  description: `Add the uncompressed tar TAR to an image as its new top layer, unchanged.
TAR - is standard input.

The tar must be a layer as image-spec describes it: deletions are whiteout
files, for instance.`,
  examples: ['layerhook raw add-layer --image image:base --tag more layer.tar'],
  arguments: ['new-layer.tar'],
  options: { ...imageFlag, ...tagFlag, ...historyFlags, ...compressFlag, ...limitFlags, ...platformFlag },
  json: true,
  async run([file], options, { persona, signal, log, show }) {
    const history = readHistory(options, command);
    if (history) history.createdBy ??= `${persona} raw add-layer`;
    const { addLayer } = await import('../../../engine/image/add-layer.js');
    const result = await addLayer({
      image: options.image,
      tag: options.tag,
      tar: readTar(file!),
      name: nameOfTar(file!),
      ...readPlatform(options),
      compress: readCompress(options),
      history,
      sourceDateEpoch: readSourceDateEpoch(command),
      ...readLimits(options, command),
      signal,
    });
    log.info(`new image manifest created: ${result.manifest.digest}`, {
      tag: result.tag,
      layer: result.layer.digest,
    });
    await show({ json: () => result, text: () => [] });
  },
});
