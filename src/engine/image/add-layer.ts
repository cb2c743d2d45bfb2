import { type AppendLayerOptions, type AppendResult, appendLayer } from '../repack/append.js';
import { checkedTar } from './checked-tar.js';

export interface AddLayerOptions extends Omit<AppendLayerOptions, 'tar' | 'createdBy' | 'isDone'> {
  /** the bytes of an uncompressed tar; they become the layer unchanged */
  tar: AsyncIterable<Buffer>;
  /** names the tar in errors */
  name: string;
}

/**
 * Puts a tar on top of an image as a layer, unchanged; umoci-raw-add-layer(1). Only the first header of the tar is checked.
 *
 * @throws LayerhookError LAYER_TAR if the bytes are not an uncompressed tar, and those of reading and writing images
 */
export async function addLayer({ tar, name, ...options }: AddLayerOptions): Promise<AppendResult> {
  return (await appendLayer({
    ...options,
    tar: checkedTar(tar, name),
    createdBy: 'layerhook raw add-layer',
  }))!;
}
