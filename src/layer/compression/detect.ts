import { LayerhookError } from '../../errors/index.js';
import { layerSuffix } from '../../image/media-types.js';
import { algorithmOf, type Compression, compressions } from './registry.js';

/** Detects the compression of a blob from its first bytes; 'none' for a tar and for anything unknown. */
export function detectCompression(head: Uint8Array): Compression {
  const begins = (magic: readonly number[]) => magic.every((byte, i) => head[i] === byte);
  return compressions.find((name) => algorithmOf(name).magic.some(begins)) ?? 'none';
}

/** Returns the compression of a layer's media type, OCI or Docker schema 2; undefined if it is unknown. */
export function findCompression(mediaType: string): Compression | undefined {
  const suffix = layerSuffix(mediaType);
  return compressions.find((name) => algorithmOf(name).suffix === suffix);
}

/**
 * Returns the compression of a layer's media type, OCI (image-spec layer.md) or Docker schema 2.
 *
 * @throws LayerhookError LAYER_MEDIA_TYPE if it does not belong to a layer, or the compression is unknown
 */
export function compressionOfMediaType(mediaType: string, digest: string): Compression {
  const compression = findCompression(mediaType);
  if (compression === undefined) throw new LayerhookError('LAYER_MEDIA_TYPE', { digest, mediaType });
  return compression;
}
