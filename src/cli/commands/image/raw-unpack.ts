import { imageFlag, limitFlags, mapFlags, platformFlag, readLimits, readMap } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '--image PATH[:TAG] ROOTFS',
  description: `Unpack the layers of an image into the directory ROOTFS, which must be new
or empty. No bundle is made and no hook is called; use unpack for these.

Every blob and layer is verified. If unpacking fails, no directory is left
behind.`,
  examples: ['layerhook raw unpack --image image:base rootfs'],
  arguments: ['rootfs'],
  options: {
    'keep-dirlinks': { describe: 'keep a symlink to a directory if a layer has a directory at its path' },
    ...imageFlag,
    ...mapFlags,
    ...platformFlag,
    ...limitFlags,
  },
  async run([rootfs], options, { signal, log }) {
    const { unpackRootfs } = await import('../../../engine/image/unpack-rootfs.js');
    await unpackRootfs({
      image: options.image,
      platform: options.platform,
      rootfs: rootfs!,
      map: readMap(options),
      ...readLimits(options, 'layerhook raw unpack'),
      keepDirlinks: options['keep-dirlinks'],
      signal,
      log,
    });
    log.info(`unpacked the layers of ${options.image} to ${rootfs}`);
  },
});
