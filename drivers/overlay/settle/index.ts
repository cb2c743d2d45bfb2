import { fsError, LayerhookError, type OverlayXattr, type PostExtractContext, showBytes } from 'layerhook';
import { BadEntry } from './entry-error.js';
import type { LowerLayers } from './lower-layers.js';
import { type Settled, settle } from './settle.js';

/**
 * Settles a layer that was just extracted.
 *
 * @throws LayerhookError LAYER_ENTRY, NO_SPACE, SYSTEM
 */
export function settleLayer(
  { target, applied, map, descriptor: { digest } }: PostExtractContext,
  below: LowerLayers | null,
  xattr: OverlayXattr,
): Settled {
  try {
    return settle({ directory: target, unsettled: applied.unsettled, below, xattr, map });
  } catch (error) {
    if (!(error instanceof BadEntry)) throw fsError(error, `settling layer ${digest} in ${target}`);
    const { path, message } = error;
    throw new LayerhookError('LAYER_ENTRY', { digest, name: showBytes(path), reason: message }, error);
  }
}
