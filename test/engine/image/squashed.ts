import { readFileSync } from 'node:fs';
import { flattenImage, type SquashImageResult, squashImage } from '../../../src/engine/image/squash.js';
import { openLayout } from '../../../src/image/layout.js';
import { resolveReference } from '../../../src/image/resolve.js';
import { type BuiltImage, type RawLayer, writeImage } from '../../../src/testing/image.js';

/** An image made of others by flatten or squash. */
export interface Squashed {
  reference: string;
  result: SquashImageResult;
  /** the tars of its layers */
  tars: Buffer[];
}

/** Flattens an image, without compression. */
export async function flatten({ layout, reference }: BuiltImage, tag = 'flat'): Promise<Squashed> {
  const result = await flattenImage({ image: reference, tag, compress: 'none' });
  return { reference: `${layout}:${tag}`, result, tars: tarsOf(layout, tag) };
}

/** Squashes the layers of an image from one on, without compression. */
export async function squash(
  { layout, reference }: BuiltImage,
  from: number | string,
  tag = 'squashed',
): Promise<Squashed> {
  const result = await squashImage({ image: reference, tag, from, compress: 'none' });
  return { reference: `${layout}:${tag}`, result, tars: tarsOf(layout, tag) };
}

/** All images that flatten and squash make of some layers. */
export async function allSquashed(layout: string, layers: RawLayer[]): Promise<Squashed[]> {
  const image = writeImage(layout, layers, { compression: 'none' });
  const made = [await flatten(image)];
  for (const from of layers.keys()) made.push(await squash(image, from, `from-${from}`));
  return made;
}

/** The blobs of the layers of an image, which must have no compression. */
function tarsOf(layout: string, tag: string): Buffer[] {
  const opened = openLayout(layout);
  const { layers } = resolveReference(opened, tag).manifest;
  return layers.map(({ digest }) => readFileSync(opened.blobPlace(digest).path));
}
