import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
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
