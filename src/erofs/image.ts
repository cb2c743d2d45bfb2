import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { fsError } from '../errors/fs-error.js';
import type { CheckedEntry, EntryBatches, EntryList } from '../layer/types.js';
import type { LowerDependency } from '../overlay/fix-up/fix-up.js';
import { fromText } from '../system/bytes.js';
import { writeAndClose } from '../system/close-on-error.js';
import { AT_FDCWD, O, openat } from '../system/files.js';
import { checkpoint, filesPerStep, inTurns, Pace } from '../system/steps.js';
import { AppendedData } from './appended.js';
import { tarAt, tarBlockBits } from './format.js';
import { ImageLayer, type ImageLayerOptions } from './layer.js';
import { ImageTree } from './tree.js';
import { writeMetadata } from './write.js';

export interface ErofsImageOptions extends Omit<ImageLayerOptions, 'blockBits'> {
  /** log2 of the block size, for tests; default: 9, to which tars align data */
  blockBits?: number | undefined;
}

/**
 * An EROFS image of a layer, made in two steps: {@link add} builds the tree in memory, {@link write} appends it to the tar. An
 * overlay mounts the image on top of the images of `lower`.
 */
export class ErofsImage {
  readonly #options: ImageLayerOptions;
  readonly #tree = new ImageTree();
  readonly #layer: ImageLayer;

  constructor(options: ErofsImageOptions) {
    this.#options = { ...options, blockBits: options.blockBits ?? tarBlockBits };
    this.#layer = new ImageLayer(this.#tree, this.#options);
  }

  /**
   * Adds the entries of the layer's tar, in its order. Must be called once.
   *
   * @param signal aborts the work, which fails with ABORTED or with the signal's reason
   * @throws LayerhookError LAYER_ENTRY, ID_UNMAPPED, LIMIT_EXCEEDED, SYSTEM, ABORTED; errors of the list
   */
  async add(entries: Pick<EntryList, 'batches'>, signal?: AbortSignal): Promise<void> {
    const pace = new Pace(signal);
    const each = async (batches: EntryBatches, visit: (entry: CheckedEntry) => void) => {
      let count = 0;
      for await (const batch of batches)
        for (const entry of batch) {
          visit(entry);
          if (++count % filesPerStep === 0 && pace.isDue) await pace.turn();
        }
    };
    // whiteouts come first, wherever they stand in the tar; the lowest layer has nothing that they could hide from its entries
    if (this.#options.lower !== null)
      await each(entries.batches('whiteouts'), (entry) => this.#layer.hide(entry));
    await each(entries.batches(), (entry) => this.#layer.add(entry));
  }

  /**
   * Appends the metadata, which points to the file data in the tar, and writes the superblock last. Must be called once.
   *
   * @param file the layer's tar from byte {@link tarAt} on, and nothing behind it
   * @param signal as in {@link add}
   * @returns what the image took from the lower layers; null: it is valid only on top of the same layers
   * @throws LayerhookError LAYER_ENTRY, ID_UNMAPPED, LIMIT_EXCEEDED, NO_SPACE, SYSTEM, ABORTED
   */
  async write(file: string, signal?: AbortSignal): Promise<LowerDependency[] | null> {
    const path = fromText(file);
    try {
      const fd = openat(AT_FDCWD, path, O.RDWR | O.NOFOLLOW);
      return await writeAndClose(fd, path, () => this.#append(fd, signal));
    } catch (error) {
      throw fsError(error, `making the EROFS image ${file}`);
    }
  }

  async #append(fd: number, signal?: AbortSignal): Promise<LowerDependency[] | null> {
    const { blockBits, digest } = this.#options;
    const data = new AppendedData(fd, fstatSync(fd).size, blockBits);
    const dependencies = await inTurns(this.#layer.finish(data), signal);
    await checkpoint(signal);
    const uuid = createHash('sha256').update(digest).digest().subarray(0, 16);
    await inTurns(writeMetadata(fd, this.#tree, { blockBits, at: data.end, uuid }), signal);
    return dependencies;
  }
}
