import { LayerhookError } from '../../errors/index.js';
import type { Compression } from '../types.js';

/** Bytes that {@link detectCompression} needs. */
export const HEAD_BYTES = 4;

const GZIP = 0x1f8b;
const ZSTD = 0xfd2fb528;

/** Detects the compression of a blob from its first bytes; 'none' for a tar and for anything unknown. */
export function detectCompression(head: Uint8Array): Compression {
  if (head.length < 2) return 'none';
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (view.getUint16(0) === GZIP) return 'gzip';
  if (head.length < HEAD_BYTES) return 'none';
  const magic = view.getUint32(0, true);
  // 16 magic numbers are zstd's skippable frames, which may come first; RFC 8878, section 3.1.2
  return magic === ZSTD || magic >>> 4 === 0x184d2a5 ? 'zstd' : 'none';
}

/**
 * Returns the compression of a layer's media type, OCI (image-spec layer.md) or Docker schema 2.
 *
 * @throws LayerhookError LAYER_MEDIA_TYPE if it does not belong to a layer, or the compression is unknown
 */
export function compressionOfMediaType(mediaType: string, digest: string): Compression {
  const compression = layerTypes.get(mediaType);
  if (compression === undefined) throw new LayerhookError('LAYER_MEDIA_TYPE', { digest, mediaType });
  return compression;
}

const layerTypes = new Map<string, Compression>([
  ...withSuffixes('application/vnd.oci.image.layer.v1.tar', '+gzip', '+zstd'),
  ...withSuffixes('application/vnd.oci.image.layer.nondistributable.v1.tar', '+gzip', '+zstd'),
  ...withSuffixes('application/vnd.docker.image.rootfs.diff.tar', '.gzip', '.zstd'),
  ...withSuffixes('application/vnd.docker.image.rootfs.foreign.diff.tar', '.gzip', '.zstd'),
]);

function withSuffixes(base: string, gzip: string, zstd: string): [string, Compression][] {
  return [
    [base, 'none'],
    [base + gzip, 'gzip'],
    [base + zstd, 'zstd'],
  ];
}
