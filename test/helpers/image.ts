import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { ImageConfig } from '../../src/image/types.js';
import { type BuiltImage, type ImageOptions, type RawLayer, writeImage } from '../../src/testing/image.js';
import { tmpdir } from './tmp.js';

export * from '../../src/testing/image.js';

/** Writes an image layout with one image of the given layers into a directory of the test. */
export function buildImage(
  t: ExecutionContext<unknown>,
  layers: RawLayer[],
  options: ImageOptions = {},
): BuiltImage {
  return writeImage(join(tmpdir(t), 'layout'), layers, options);
}

/** Adds an image without layers for another architecture to a layout. */
export function writeImageFor(architecture: string, layout: string, tag: string): void {
  const config = (document: ImageConfig) => {
    document.architecture = architecture;
  };
  writeImage(layout, [], { tag, edit: { config } });
}
