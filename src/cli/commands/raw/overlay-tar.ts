import { readSync } from 'node:fs';
import { limitFlag, mapFlags, readLimits, readMap } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { requireDirectories } from '../../files/directories.js';
import { writeOut } from '../../output/streams.js';

const command = 'layerhook raw overlay-tar';
const pieceBytes = 512 * 1024;

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
  endsImmediately: true,
  async run(_, options, { log }) {
    const { overlayTar } = await import('../../../engine/unpack/overlay-tar.js');
    const { readLowerdirs } = await import('./lowerdirs.js');
    const lowerdirs = readLowerdirs(options.lowerdir);
    requireDirectories(options.scratch, ...lowerdirs);
    const buffer = Buffer.allocUnsafe(pieceBytes);
    const read = () => {
      const length = readSync(0, buffer);
      return length === 0 ? null : buffer.subarray(0, length);
    };
    const tar = overlayTar({
      ...{ source: { read }, scratch: options.scratch, lowerdirs },
      ...{ map: readMap(options), keepDirlinks: options['keep-dirlinks'], log },
      ...readLimits(options, command),
    });
    await writeOut(tar);
  },
});
