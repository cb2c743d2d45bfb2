import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { fsError } from '../errors/fs-error.js';
import type { CheckedEntry, EntryBatches, EntryList } from '../layer/types.js';
import type { LowerDependency } from '../overlay/fix-up/fix-up.js';
import { fromText } from '../system/bytes.js';
import { AT_FDCWD, close, O, openat } from '../system/files.js';
import { checkpoint, inTurns, Pace } from '../system/steps.js';
import { AppendedData } from './appended.js';
import { tarAt, tarBlockBits } from './format.js';
import { ImageLayer, type ImageLayerOptions } from './layer.js';
import { ImageTree } from './tree.js';
import { writeMetadata } from './write.js';

export interface BuildErofsOptions extends Omit<ImageLayerOptions, 'blockBits'> {
  /** the file: the layer's tar from byte {@link tarAt} on, and nothing behind it */
  file: string;
  /** of the tar, in its order */
  entries: Pick<EntryList, 'batches'>;
  /** aborts the work, which fails with ABORTED or with the signal's reason */
  signal?: AbortSignal | undefined;
  /** log2 of the block size, for tests; default: 9, to which tars align data */
  blockBits?: number | undefined;
}

/**
 * Makes an EROFS image of a file that holds a layer's tar: appends the metadata, which points to the file data in the tar,
 * and writes the superblock last. An overlay mounts the image on top of the images of `lower`.
 *
 * @returns what the image took from the lower layers; null: it is valid only on top of the same layers
 * @throws LayerhookError LAYER_ENTRY, ID_UNMAPPED, LIMIT_EXCEEDED, NO_SPACE, SYSTEM, ABORTED
 */
export async function buildErofsImage(options: BuildErofsOptions): Promise<LowerDependency[] | null> {
  const { file } = options;
  const fd = openat(AT_FDCWD, fromText(file), O.RDWR | O.NOFOLLOW);
  try {
    return await build(fd, options);
  } catch (error) {
    throw fsError(error, `making the EROFS image ${file}`);
  } finally {
    close(fd);
  }
}

async function build(fd: number, options: BuildErofsOptions): Promise<LowerDependency[] | null> {
  const { entries, signal, blockBits = tarBlockBits } = options;
  const tree = new ImageTree();
  const layer = new ImageLayer(tree, { ...options, blockBits });
  const data = new AppendedData(fd, fstatSync(fd).size, blockBits);
  const pace = new Pace(signal);
  const each = async (batches: EntryBatches, visit: (entry: CheckedEntry) => void) => {
    for await (const batch of batches)
      for (const entry of batch) {
        visit(entry);
        if (pace.isDue) await pace.turn();
      }
  };
  // whiteouts come first, wherever they stand in the tar; the lowest layer has nothing that they could hide from its entries
  if (options.lower !== null) await each(entries.batches('whiteouts'), (entry) => layer.hide(entry));
  await each(entries.batches(), (entry) => layer.add(entry));
  const dependencies = await inTurns(layer.finish(data), signal);
  await checkpoint(signal);
  const uuid = createHash('sha256').update(options.digest).digest().subarray(0, 16);
  await inTurns(writeMetadata(fd, tree, { blockBits, at: data.end, uuid }), signal);
  return dependencies;
}
