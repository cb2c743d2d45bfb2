import type { EntryList, LayerContext, Logger, PostExtractContext, PreExtractResult } from 'layerhook';
import type { LowerTree } from 'layerhook/overlay';
import { ErofsImage, erofsTarOffset, whyNotErofs } from 'layerhook/store';
import { nearestDirectory } from 'layerhook/system';
import { DirectoryForm } from '../overlay/directory-form.js';
import type { Committed, LayerForm, NewLayer } from '../overlay/form.js';

/** Stores a layer as one EROFS image; as a directory where images cannot be mounted. */
export class ImageForm implements LayerForm {
  readonly #verity: boolean;
  readonly #directory = new DirectoryForm();
  #mountable: Promise<boolean> | null = null;
  /** the image of the lowest layer, which is built while its tar is written: it needs no layers below */
  #lowest: ErofsImage | null = null;

  /** @param options `verity`: true enables fs-verity where the filesystem has it */
  constructor({ verity }: { verity: boolean }) {
    this.#verity = verity;
  }

  async plan(layer: NewLayer, context: LayerContext): Promise<PreExtractResult> {
    const target = layer.extraction.image;
    this.#mountable ??= isMountable(target, context.log);
    if (!(await this.#mountable)) return this.#directory.plan(layer, context);
    const onEntries = async (entries: EntryList) => {
      this.#lowest = newImage(layer, context, { entries, lower: null });
      await this.#lowest.add(entries);
    };
    return { into: 'tar', target, offset: erofsTarOffset, ...(context.index === 0 && { onEntries }) };
  }

  async finish(layer: NewLayer, context: PostExtractContext): Promise<Committed> {
    const { index, into, entries, applied, signal } = context;
    if (into !== 'tar' || entries === null) return this.#directory.finish(layer, context);
    let image = index === 0 ? this.#lowest : null;
    if (image === null) {
      image = newImage(layer, context, { entries, lower: await layer.lower() });
      await image.add(entries, signal);
    }
    const dependencies = await image.write(layer.extraction.image, signal);
    return { dependencies, erofs: { tarBytes: applied.bytes, verity: this.#verity } };
  }
}

function newImage(
  { variant }: NewLayer,
  { map, descriptor, log }: LayerContext,
  { entries, lower }: { entries: EntryList; lower: LowerTree | null },
): ErofsImage {
  return new ErofsImage({
    ...{ lower, map, keepDirlinks: variant.keepDirlinks, digest: descriptor.digest, budget: entries.budget },
    warn: (message) => log.warn(message),
  });
}

async function isMountable(image: string, log: Logger): Promise<boolean> {
  const reason = await whyNotErofs(nearestDirectory(image));
  if (reason !== null)
    log.warn(`EROFS images cannot be mounted, so layers are stored as directories: ${reason}`);
  return reason === null;
}
