import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { LayerhookError } from '../../errors/index.js';
import type { Layout } from '../../image/layout.js';
import { MEDIA_TYPE_LAYER, ociMediaType } from '../../image/media-types.js';
import type { Descriptor, Digest, Manifest } from '../../image/types.js';
import type { Compression } from '../types.js';

/** A layer that is in a layout, but in no image yet. */
export interface WrittenLayer {
  descriptor: Descriptor;
  diffID: Digest;
  /** bytes of the tar */
  uncompressedSize: number;
}

/** What umoci 0.6 writes where it differs from the blob's size. */
const sizeAnnotation = 'ci.umo.uncompressed_blob_size';

const suffixes: Record<Compression, string> = { gzip: '+gzip', zstd: '+zstd', none: '' };

/**
 * Compresses a tar into a blob of a layout. If the tar fails, no blob is left.
 *
 * @throws LayerhookError ABORTED, COMPRESSION_UNAVAILABLE, NO_SPACE, SYSTEM, and what the tar throws
 */
export async function writeLayer(
  layout: Layout,
  tar: AsyncIterable<Buffer>,
  compression: Compression,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<WrittenLayer> {
  const { createCompressor } = await import('../compression/index.js');
  const hash = createHash('sha256');
  let size = 0;
  async function* counted() {
    for await (const chunk of tar) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  let cause: unknown;
  const store = (bytes: AsyncIterable<Buffer>) =>
    layout.writeBlob(bytes).catch((error: unknown) => {
      cause = error;
      throw error;
    });
  const blob = await pipeline(counted, await createCompressor(compression), store, {
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    // when the blob cannot be written, the pipeline tells only that its other ends were cut off
    throw failure(cause instanceof LayerhookError ? cause : error, signal);
  });
  const annotations = blob.size !== size && { annotations: { [sizeAnnotation]: String(size) } };
  const mediaType = MEDIA_TYPE_LAYER + suffixes[compression];
  return {
    descriptor: { mediaType, ...blob, ...annotations },
    diffID: `sha256:${hash.digest('hex')}`,
    uncompressedSize: size,
  };
}

/**
 * What a new layer is compressed with. `auto` is what the newest layer is compressed with that can be written here,
 * never `none`; gzip if there is no such layer. umoci-repack(1), `--compress`.
 */
export async function chooseCompression(
  choice: Compression | 'auto',
  manifest: Pick<Manifest, 'layers'>,
): Promise<Compression> {
  if (choice !== 'auto') return choice;
  for (const { mediaType } of manifest.layers.toReversed()) {
    const oci = ociMediaType(mediaType);
    if (oci.endsWith('+gzip')) return 'gzip';
    if (oci.endsWith('+zstd') && (await canWriteZstd())) return 'zstd';
  }
  return 'gzip';
}

async function canWriteZstd(): Promise<boolean> {
  const { findZstd } = await import('../compression/zstd.js');
  return findZstd().then(
    () => true,
    () => false,
  );
}

function failure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!signal?.aborted || error instanceof LayerhookError) return error;
  return new LayerhookError('ABORTED', { what: 'writing the layer' }, error);
}
