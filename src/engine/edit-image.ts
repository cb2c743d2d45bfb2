import { type Layout, openLayout } from '../image/layout.js';
import { ImageMutation } from '../image/mutate.js';
import { checkTag, parseImageReference } from '../image/references.js';
import { resolveReference } from '../image/resolve.js';
import type { ResolvedImage } from '../image/types.js';
import { type ImageOptions, platformChoice } from './image-options.js';

/** The image that an operation changes, and the tag of the result. */
export interface EditImageOptions extends ImageOptions {
  /** tag for the new image; default: the one of `image`, which then names the new one */
  tag?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** An image that is open for a change. */
export interface ImageEdit {
  layout: Layout;
  image: ResolvedImage;
  mutation: ImageMutation;
  /** tag of `image` */
  from: string;
  /** tag for the new image */
  tag: string;
}

/**
 * Opens an image, lets `edit` write the new one, and closes the layout.
 *
 * @throws LayerhookError of reading images; REFERENCE_INVALID for the new tag; what `edit` throws
 */
export async function editImage<T>(
  options: EditImageOptions,
  edit: (opened: ImageEdit) => Promise<T>,
): Promise<T> {
  const { path, tag: from } = parseImageReference(options.image);
  const { tag = from, signal, maxJson, limits } = options;
  const layout = openLayout(path, { signal, maxJson, limits });
  try {
    const image = resolveReference(layout, from, platformChoice(options));
    checkTag(layout.readIndex(), tag);
    return await edit({ layout, image, mutation: new ImageMutation(layout, image), from, tag });
  } finally {
    await layout.close();
  }
}
