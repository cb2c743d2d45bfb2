import { limitFlags, platformFlag, readLimits, readPlatform } from '../../args/flags.js';
import { parseBytes } from '../../args/parse-quantity.js';
import { defineCommand } from '../../command.js';
import { writeOut } from '../../output/streams.js';

const command = 'layerhook cat';

export default defineCommand({
  usage: 'IMAGE[:TAG] PATH',
  description: `Write a regular file of an image to standard output, without unpacking the
image. Symlinks in PATH lead inside the image. All layers are read and
verified first, since a later layer may replace or delete the file.`,
  examples: ['layerhook cat image:base /etc/os-release'],
  arguments: ['IMAGE[:TAG]', 'PATH'],
  options: {
    'max-size': { value: 'SIZE', describe: 'refuse larger files (default: 64MiB)' },
    ...platformFlag,
    ...limitFlags,
  },
  endsImmediately: true,
  async run([image, path], options) {
    const { 'max-size': size = '64MiB' } = options;
    const maxBytes = parseBytes(size, '--max-size', command);
    const { readImageFile } = await import('../../../engine/image/read-file.js');
    const { fromText } = await import('../../../system/bytes.js');
    const content = await readImageFile({
      ...{ image: image!, path: fromText(path!), maxBytes },
      ...{ ...readPlatform(options), ...readLimits(options, command) },
    });
    await writeOut(content);
  },
});
