import { lstatSync } from 'node:fs';
import { fsError } from '../../../errors/fs-error.js';
import type { Store } from '../../../store/types.js';
import { fromText } from '../../../system/bytes.js';
import { SystemError } from '../../../system/errno.js';
import { writeAll } from '../../../system/files.js';
import { Pace } from '../../../system/steps.js';
import { storeFlag } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { writeOut } from '../../output/streams.js';
import { layerName, noStore, pickLayers, withStore } from './shared.js';

const command = 'layerhook store export';

export default defineCommand({
  usage: 'LAYER [FILE]',
  description: `Write the uncompressed tar of a layer, bit for bit as its diffID covers it,
to a new file or to standard output. The store has the tars of layers that
are EROFS images.`,
  examples: ['layerhook store export 0123456789ab layer.tar'],
  options: storeFlag,
  async run([wanted, file, ...others], options, context) {
    if (wanted === undefined) throw usageError('missing LAYER', command);
    if (others.length > 0) throw usageError(`unexpected argument ${others[0]}`, command);
    const write = async (store: Store) => {
      const { storeUsage } = await import('../../../engine/store-usage.js');
      const [layer] = pickLayers((await storeUsage(store)).layers, [wanted], command);
      const { erofs } = layer!;
      if (erofs === undefined)
        throw usageError(`${layerName(layer!)} is a directory: its tar is not stored`, command);
      if (erofs.from === 'directory')
        throw usageError(`${layerName(layer!)} was extracted by containerd: its tar is not stored`, command);
      const { readTar, withImage } = await import('../../../erofs/verify.js');
      await withImage(erofs.image, (fd) => {
        const tar = readTar(fd, erofs.tarBytes);
        return file === undefined ? writeOut(tar, context.signal) : writeNew(file, tar, context.signal);
      });
    };
    await withStore(options, context, write, noStore);
  },
});

/** Makes a new file, which appears whole or not at all. */
async function writeNew(file: string, tar: Iterable<Buffer>, signal: AbortSignal): Promise<void> {
  const { makeWhole } = await import('../../../system/temporary.js');
  try {
    if (lstatSync(file, { throwIfNoEntry: false }) !== undefined)
      throw new SystemError('EEXIST', 'open', fromText(file));
    await makeWhole(file, 'file', (fd) => writePieces(fd, tar, signal), 0o600);
  } catch (error) {
    throw fsError(error, `creating ${file}`);
  }
}

async function writePieces(fd: number, pieces: Iterable<Buffer>, signal: AbortSignal): Promise<void> {
  const pace = new Pace(signal);
  for (const piece of pieces) {
    writeAll(fd, piece, null);
    if (pace.isDue) await pace.turn();
  }
}
