import { untilAborted } from '../../system/until-aborted.js';
import { type AppendLayerOptions, type AppendResult, appendLayer } from '../repack/append.js';
import { checkedTar } from './checked-tar.js';

export interface AddLayerOptions extends Omit<AppendLayerOptions, 'tar' | 'createdBy' | 'isDone'> {
  /** the bytes of an uncompressed tar; they become the layer unchanged */
  tar: AsyncIterable<Buffer>;
  /** names the tar in errors */
  name: string;
}

/**
 * Puts a tar on top of an image as a layer, unchanged; umoci-raw-add-layer(1). Of the tar, only the form of its
 * headers is checked.
 *
 * @throws LayerhookError LAYER_TAR if the bytes are not an uncompressed tar, LIMIT_EXCEEDED, and those of reading and writing images
 */
export async function addLayer({ tar, name, ...options }: AddLayerOptions): Promise<AppendResult> {
  return (await appendLayer({
    ...options,
    tar: checkedTar(untilAborted(tar, options.signal), name, options.limits),
    createdBy: 'layerhook raw add-layer',
  }))!;
}
