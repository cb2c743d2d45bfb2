import type { LayerContext, Logger, PostExtractContext, PreExtractResult } from 'layerhook';
import { buildErofsImage, erofsTarOffset, whyNotErofs } from 'layerhook/store';
import { nearestDirectory } from 'layerhook/system';
import { DirectoryForm } from '../overlay/directory-form.js';
import type { Committed, LayerForm, NewLayer } from '../overlay/form.js';

/** Stores a layer as one EROFS image; as a directory where images cannot be mounted. */
export class ImageForm implements LayerForm {
  readonly #verity: boolean;
  readonly #directory = new DirectoryForm();
  #mountable: Promise<boolean> | null = null;

  /** @param options `verity`: true enables fs-verity where the filesystem has it */
  constructor({ verity }: { verity: boolean }) {
    this.#verity = verity;
  }

  async plan(layer: NewLayer, context: LayerContext): Promise<PreExtractResult> {
    const { image } = layer.extraction;
    this.#mountable ??= isMountable(image, context.log);
    if (!(await this.#mountable)) return this.#directory.plan(layer, context);
    return { into: 'tar', target: image, offset: erofsTarOffset };
  }

  async finish(layer: NewLayer, context: PostExtractContext): Promise<Committed> {
    const { into, entries, map, descriptor, applied, signal, log } = context;
    if (into !== 'tar' || entries === null) return this.#directory.finish(layer, context);
    const dependencies = await buildErofsImage({
      ...{ file: layer.extraction.image, entries, lower: await layer.lower(), map, signal },
      ...{ keepDirlinks: layer.variant.keepDirlinks, digest: descriptor.digest, budget: entries.budget },
      warn: (message) => log.warn(message),
    });
    return { dependencies, erofs: { tarBytes: applied.bytes, verity: this.#verity } };
  }
}

async function isMountable(image: string, log: Logger): Promise<boolean> {
  const reason = await whyNotErofs(nearestDirectory(image));
  if (reason !== null)
    log.warn(`EROFS images cannot be mounted, so layers are stored as directories: ${reason}`);
  return reason === null;
}
