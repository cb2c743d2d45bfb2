import type { LayerContext, PostExtractContext, PreExtractResult } from 'layerhook';
import { fixUpLayer } from 'layerhook/overlay';
import type { Committed, LayerForm, NewLayer } from './form.js';

/** Stores a layer as a directory, which is fixed up on top of its lower layers. */
export class DirectoryForm implements LayerForm {
  /** where a layer's directory is mounted on its lower layers for an extraction */
  #mounted: string | null = null;

  async plan(
    { extraction, store, variant, lower }: NewLayer,
    context: LayerContext,
  ): Promise<PreExtractResult> {
    const { xattr, keepDirlinks } = variant;
    const { target } = extraction;
    if (!keepDirlinks)
      return { into: 'directory', target, whiteouts: 'overlay', overlayXattr: xattr, mtree: true };
    const { mountExtraction } = await import('./mounted-extraction.js');
    const given = { lower: await lower(), support: store.support(), variant, context };
    this.#mounted = await mountExtraction(target, given);
    return { into: 'rootfs', target: this.#mounted ?? target };
  }

  async finish({ extraction, variant, lower }: NewLayer, context: PostExtractContext): Promise<Committed> {
    const { target, manifest } = extraction;
    const { xattr, keepDirlinks } = variant;
    if (!keepDirlinks) {
      const { applied, map, descriptor } = context;
      const given = { directory: target, unsettled: applied.unsettled, lower: await lower(), xattr, map };
      const { dependencies } = fixUpLayer({ ...given, digest: descriptor.digest });
      return { dependencies, usage: await context.writeMtree(manifest) };
    }
    await this.discard();
    // the kernel's result on top of the lower layers, with its whiteouts and copied files
    const { recordLayer } = await import('layerhook');
    await recordLayer(target, manifest);
    return { dependencies: null };
  }

  async discard(): Promise<void> {
    if (this.#mounted === null) return;
    const { unmountExtraction } = await import('./mounted-extraction.js');
    await unmountExtraction(this.#mounted);
    this.#mounted = null;
  }
}
