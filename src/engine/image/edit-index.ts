import { realpathSync } from 'node:fs';
import { type CopyOptions, copyBlobs } from '../../image/copy.js';
import { addToIndex, entriesFor, removeFromIndex } from '../../image/index-edit.js';
import { type Layout, openLayout } from '../../image/layout.js';
import { splitTransport } from '../../image/layout-name.js';
import { checkTag, parseImageReference } from '../../image/references.js';
import type { Descriptor, Platform } from '../../image/types.js';
import { type ImageOptions, platformChoice } from '../image-options.js';
import { inTargetLayout } from './target-layout.js';

export interface AddToIndexOptions
  extends Pick<ImageOptions, 'platform' | 'maxJson' | 'limits'>,
    CopyOptions {
  /** `LAYOUT[:TAG]`: the index; layout and tag are created if they do not exist */
  image: string;
  /** `LAYOUT[:TAG]` of each image or index to add; its blobs are copied if it is in another layout */
  images: readonly string[];
}

/**
 * Adds images to an image index, or creates the index. An image replaces the one for the same platform.
 *
 * @throws LayerhookError of reading the images and of writing the layout; INDEX_REQUIRED
 */
export async function addImagesToIndex(options: AddToIndexOptions): Promise<Descriptor> {
  const { path, tag } = parseImageReference(options.image);
  const { signal, maxJson, limits, onBlob } = options;
  const opening = { signal, maxJson, limits };
  const { platform } = platformChoice(options);
  const found = options.images.map((image) => {
    const from = parseImageReference(image);
    const source = openLayout(from.path, opening);
    return { source, entries: entriesFor(source, from.tag, platform) };
  });
  return inTargetLayout(path, opening, async (layout) => {
    checkTag(layout.readIndex(), tag);
    const referrers: Descriptor[] = [];
    for (const { source, entries } of found) {
      if (isSame(source, layout)) continue;
      referrers.push(...(await copyBlobs(source, layout, entries, { signal, onBlob })).referrers);
    }
    const entries = found.flatMap((each) => each.entries);
    return addToIndex(layout, tag, entries, referrers);
  });
}

export interface RemoveFromIndexOptions extends Pick<ImageOptions, 'image' | 'maxJson' | 'limits'> {
  /** platforms or digests of the entries */
  which: readonly (Platform | string)[];
  signal?: AbortSignal | undefined;
}

/** Removes images from an index, each with its attestations. @throws LayerhookError as removeFromIndex */
export async function removeImagesFromIndex(options: RemoveFromIndexOptions): Promise<Descriptor[]> {
  const { path, tag } = parseImageReference(options.image);
  const layout = openLayout(path, {
    signal: options.signal,
    maxJson: options.maxJson,
    limits: options.limits,
  });
  try {
    return await removeFromIndex(layout, tag, options.which);
  } finally {
    await layout.close();
  }
}

function isSame(a: Layout, b: Layout): boolean {
  const file = ({ path }: Layout) => realpathSync(splitTransport(path).file);
  return splitTransport(a.path).transport === splitTransport(b.path).transport && file(a) === file(b);
}
