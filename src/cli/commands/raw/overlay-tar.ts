import { limitFlag, mapFlags, readLimits, readMap } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { requireDirectories } from '../../files/directories.js';
import { writeOut } from '../../output/streams.js';
import { readTar } from '../image/read-tar.js';

const command = 'layerhook raw overlay-tar';

export default defineCommand({
  usage: '--scratch DIRECTORY [--lowerdir DIRECTORIES] < LAYER.tar > OVERLAY.tar',
  description: `Convert the uncompressed tar of a layer to the tar that overlayfs needs on
top of the lower layers: whiteouts are devices 0:0, opaque directories have
the xattr of overlayfs, and directories that the layer does not list have
the attributes of the lower layers. For stores that keep a layer in one
file, such as squashfs. DIRECTORY must be on a file system that keeps owners
and devices.`,
  examples: ['layerhook raw overlay-tar --scratch scratch < layer.tar > overlay.tar'],
  arguments: [],
  options: {
    lowerdir: {
      value: 'DIRECTORIES',
      describe: 'lower layers, highest first, as in mount options of overlay',
    },
    scratch: { value: 'DIRECTORY', required: true, describe: 'where the files of the layer go meanwhile' },
    'keep-dirlinks': { describe: 'keep a symlink to a directory if the layer has a directory at its path' },
    ...mapFlags,
    ...limitFlag,
  },
  async run(_, options, { log, signal }) {
    const { overlayTar } = await import('../../../engine/unpack/overlay-tar.js');
    const { readLowerdirs } = await import('./lowerdirs.js');
    const lowerdirs = readLowerdirs(options.lowerdir);
    requireDirectories(options.scratch, ...lowerdirs);
    const tar = overlayTar({
      ...{ source: readTar('-'), scratch: options.scratch, lowerdirs, signal },
      ...{ map: readMap(options), keepDirlinks: options['keep-dirlinks'], log },
      ...readLimits(options, command),
    });
    await writeOut(tar, signal);
  },
});
