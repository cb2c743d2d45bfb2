import { LayerhookError } from '../errors/index.js';
import { formatCounted } from '../text/counted.js';

/** The digests of one layer: of its blob, and of its tar. */
export interface LayerDigests {
  digest: string;
  diffID: string;
}

/**
 * Returns the index of the layer that a user named.
 *
 * @param layers the layers of the image, the lowest first
 * @param wanted index (0 is the lowest layer), or digest or diffID, also without the algorithm and shortened to five or
 *   more hex digits
 * @param image the name of the image, for the error
 * @throws LayerhookError LAYER_NOT_FOUND
 */
export function findLayer(layers: readonly LayerDigests[], wanted: number | string, image: string): number {
  const index = /^\d{1,4}$/.test(String(wanted)) ? Number(wanted) : undefined;
  if (index !== undefined && index < layers.length) return index;
  const hex = String(wanted).replace(/^sha\d+:/, '');
  const isNamed = (digest: string) => hex.length >= 5 && digest.replace(/^sha\d+:/, '').startsWith(hex);
  const found = [...layers.keys()].filter((at) => isNamed(layers[at]!.diffID) || isNamed(layers[at]!.digest));
  if (found.length === 1) return found[0]!;
  const reason =
    found.length > 1 ? 'several layers have this digest' : `it has ${formatCounted(layers.length, 'layers')}`;
  throw new LayerhookError('LAYER_NOT_FOUND', { layer: String(wanted), image, reason });
}
