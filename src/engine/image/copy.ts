import { type CopyResult, copyImages, findImages } from '../../image/copy.js';
import { openLayout } from '../../image/layout.js';
import { checkTag, parseImageReference } from '../../image/references.js';
import type { Descriptor } from '../../image/types.js';
import { type ImageOptions, platformChoice } from '../image-options.js';
import { inTargetLayout } from './target-layout.js';

export interface CopyImageOptions extends Pick<ImageOptions, 'platform' | 'maxJson' | 'limits'> {
  /** `LAYOUT[:TAG]`: the image or index, in any form of a layout */
  source: string;
  /** `LAYOUT[:TAG]`: a layout, which is created if it does not exist; default tag: the tag of the source */
  target: string;
  /** true copies all tags of the source; neither reference may then have a tag */
  allTags?: boolean | undefined;
  /** called before each blob that the target lacks */
  onBlob?: ((descriptor: Descriptor) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Copies an image or an index to another layout: all images of an index, attestations and referrers, and of their blobs
 * those that the target lacks. The tag appears last. A copy that was killed continues with the blobs that it had copied,
 * if the target is a directory. A copy that fails removes the target if it has created it.
 *
 * @throws LayerhookError of reading the source and of writing the target; LAYOUT_UNWRITABLE for a docker-archive
 */
export async function copyImage(options: CopyImageOptions): Promise<CopyResult> {
  const { signal, maxJson, limits, onBlob } = options;
  const opening = { signal, maxJson, limits };
  const from = parseImageReference(options.source);
  const to = parseImageReference(options.target);
  const source = openLayout(from.path, opening);
  const tag = to.path === options.target ? undefined : to.tag;
  const choice = { to: tag, ...platformChoice(options) };
  const images = findImages(source, options.allTags ? null : from.tag, choice);
  return inTargetLayout(to.path, opening, (target) => {
    if (tag !== undefined) checkTag(target.readIndex(), tag);
    return copyImages(source, target, images, { signal, onBlob });
  });
}
