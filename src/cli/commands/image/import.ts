import {
  compressFlag,
  historyFlags,
  imageFlag,
  limitFlags,
  readCompress,
  readHistory,
  readLimits,
  readPlatform,
  readSourceDateEpoch,
} from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { nameOfTar, readTar } from './read-tar.js';

const command = 'layerhook import';

export default defineCommand({
  usage: '--image PATH[:TAG] TAR',
  description: `Make an image of a tar of a root filesystem. TAR - is standard input. The
tar may be compressed with gzip or zstd; its bytes, without that
compression, become the only layer of the image. A missing layout is
created. An image that had the tag loses it.

The config has a platform and a creation time, which is now or
SOURCE_DATE_EPOCH; layerhook config sets the rest.`,
  examples: ['layerhook import --image image:base rootfs.tar'],
  arguments: ['tar'],
  options: {
    ...imageFlag,
    ...historyFlags,
    ...compressFlag,
    platform: {
      value: 'OS/ARCH[/VARIANT]',
      describe: "platform of the new image (default: this machine's)",
    },
    ...limitFlags,
  },
  json: true,
  async run([file], options, { signal, log, show }) {
    const compress = readCompress(options);
    const history = readHistory(options, command);
    const { importImage } = await import('../../../engine/image/import.js');
    const result = await importImage({
      image: options.image,
      tar: readTar(file!),
      name: nameOfTar(file!),
      ...readPlatform(options),
      compress,
      history,
      sourceDateEpoch: readSourceDateEpoch(command),
      ...readLimits(options, command),
      signal,
    });
    const { manifest, tag, layer } = result;
    log.info(`new image manifest created: ${manifest.digest}`, { tag, layer: layer.digest });
    await show({ json: () => result, text: () => [] });
  },
});
