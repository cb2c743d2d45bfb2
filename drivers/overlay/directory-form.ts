import type { AppliedLayer, LayerContext, PostExtractContext, PreExtractResult } from 'layerhook';
import { fixUpLayer } from 'layerhook/overlay';
import type { Committed, LayerForm, NewLayer } from './form.js';

/** Stores a layer as a directory, which is fixed up on top of its lower layers. */
export class DirectoryForm implements LayerForm {
  async plan({ extraction, variant }: NewLayer, _: LayerContext): Promise<PreExtractResult> {
    const { target } = extraction;
    return { into: 'directory', target, whiteouts: 'overlay', overlayXattr: variant.xattr, mtree: true };
  }

  async finish(layer: NewLayer, context: PostExtractContext): Promise<Committed> {
    const { target, mtree } = layer.extraction;
    const { applied, map, descriptor } = context;
    const lower = await layer.lower();
    const fixUp = ({ unsettled }: AppliedLayer) =>
      fixUpLayer({
        ...{ directory: target, unsettled, lower, xattr: layer.variant.xattr, map },
        digest: descriptor.digest,
      });
    let fixedUp = fixUp(applied);
    if (fixedUp === null) {
      fixUp(await context.extractAgain(lower?.directories ?? []));
      fixedUp = { dependencies: null };
    }
    return { ...fixedUp, usage: await context.writeMtree(mtree) };
  }
}
