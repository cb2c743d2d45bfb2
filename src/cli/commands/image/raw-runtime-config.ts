import { imageFlag, mapFlags, platformFlag, readMap } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--image PATH[:TAG] [--rootfs DIR] FILE',
  description: `Write the config.json of a container of the image to FILE. FILE - is
standard output.

The users and groups of the image are looked up in the root filesystem of
--rootfs. Without --rootfs, a user given by name becomes root.`,
  examples: ['layerhook raw runtime-config --image image:base config.json'],
  arguments: ['config.json'],
  options: {
    rootfs: { value: 'DIR', describe: 'root filesystem with /etc/passwd and /etc/group' },
    ...imageFlag,
    ...mapFlags,
    ...platformFlag,
  },
  async run([file], options, { print, log, signal }) {
    const { runtimeConfig } = await import('../../../engine/image/runtime-config.js');
    const { image, platform, rootfs } = options;
    const spec = await runtimeConfig({ image, platform, rootfs, map: readMap(options), log });
    const text = JSON.stringify(spec, null, '\t');
    if (file === '-') return print(text);
    const { writeOutput } = await import('../../files/output.js');
    await writeOutput(file!, `${text}\n`, signal);
  },
});
