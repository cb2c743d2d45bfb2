import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { LayerhookError } from '../../errors/index.js';
import type { Layout } from '../../image/layout.js';
import { layerMediaType } from '../../image/media-types.js';
import type { Descriptor, Digest, Manifest } from '../../image/types.js';
import { span } from '../../system/trace.js';
import type { Compression } from '../types.js';

/** A layer in a layout that does not belong to an image yet. */
export interface WrittenLayer {
  descriptor: Descriptor;
  diffID: Digest;
  /** bytes of the tar */
  uncompressedSize: number;
}

/** umoci 0.6 writes this annotation if the uncompressed size differs from the blob's size. */
const sizeAnnotation = 'ci.umo.uncompressed_blob_size';

/**
 * Compresses a tar to a blob of a layout. If the tar fails, no blob is left.
 *
 * @throws LayerhookError ABORTED, COMPRESSION_UNAVAILABLE, NO_SPACE, SYSTEM, and the errors of `tar`
 */
export async function writeLayer(
  layout: Layout,
  tar: AsyncIterable<Buffer>,
  compression: Compression,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<WrittenLayer> {
  const { algorithmOf, createCompressor } = await import('../compression/index.js');
  const measure = new Measure();
  let stored: ReturnType<Layout['writeBlob']> | undefined;
  const store = (bytes: AsyncIterable<Buffer>) => {
    stored = layout.writeBlob(bytes);
    return stored;
  };
  const blob = await pipeline(measure.through(tar), await createCompressor(compression), store, {
    ...(signal && { signal }),
  }).catch(async (error: unknown) => {
    // The pipeline does not wait for its last stage, which must not write after the caller has closed the layout. If writing
    // the blob fails, the pipeline reports only that its other streams were closed too early.
    const cause = await stored?.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    throw failure(cause instanceof LayerhookError ? cause : error, signal);
  });
  const { size } = measure;
  const annotations = blob.size !== size && { annotations: { [sizeAnnotation]: String(size) } };
  const { suffix } = algorithmOf(compression);
  const mediaType = suffix === '' ? layerMediaType : `${layerMediaType}+${suffix}`;
  return {
    descriptor: { mediaType, ...blob, ...annotations },
    diffID: measure.digest(),
    uncompressedSize: size,
  };
}

/** Hashes and counts the bytes that pass. */
class Measure {
  readonly #hash = createHash('sha256');
  size = 0;

  async *through(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of tar) {
      const hashing = span('hash');
      this.#hash.update(chunk);
      hashing();
      this.size += chunk.length;
      yield chunk;
    }
  }

  digest(): Digest {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}

/**
 * Returns the compression of a new layer. `auto` means that of the newest layer whose compression is available here,
 * never `none`, and gzip if no layer has one; umoci-repack(1), `--compress`.
 */
export async function chooseCompression(
  choice: Compression | 'auto',
  manifest: Pick<Manifest, 'layers'>,
): Promise<Compression> {
  if (choice !== 'auto') return choice;
  const { algorithmOf, findCompression } = await import('../compression/index.js');
  for (const { mediaType } of manifest.layers.toReversed()) {
    const found = findCompression(mediaType);
    if (found !== undefined && found !== 'none' && (await algorithmOf(found).isAvailable())) return found;
  }
  return 'gzip';
}

function failure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!signal?.aborted || error instanceof LayerhookError) return error;
  return new LayerhookError('ABORTED', { what: 'writing the layer' }, error);
}
