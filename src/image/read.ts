import { statSync } from 'node:fs';
import { LayerhookError } from '../errors/index.js';
import { isObject } from '../text/is-object.js';
import { checkConfig, checkIndex, checkManifest } from './documents.js';
import type { Layout } from './layout.js';
import { indexMediaType, manifestMediaType } from './media-types.js';
import type { BlobPlace } from './storage/storage.js';
import type { Descriptor, Digest, ImageConfig, Index, Manifest } from './types.js';

const maxConfigBytes = 8 << 20;

/**
 * Reads and verifies the index of a descriptor.
 *
 * @throws LayerhookError what Layout.readJson throws, IMAGE_INVALID, BLOB_MEDIA_TYPE
 */
export function readIndexBlob(layout: Layout, descriptor: Descriptor): Index {
  const index = checkIndex(layout.readJson(descriptor), `index ${descriptor.digest}`);
  checkMediaType(index.mediaType, descriptor);
  return index;
}

/** Reads and verifies the manifest of a descriptor, as {@link readIndexBlob} does. */
export function readManifest(layout: Layout, descriptor: Descriptor): Manifest {
  const manifest = checkManifest(layout.readJson(descriptor), `manifest ${descriptor.digest}`);
  checkMediaType(manifest.mediaType, descriptor);
  return manifest;
}

/** Reads and verifies the image config of a descriptor, of at most 8 MiB, as {@link readIndexBlob} does. */
export function readConfig(layout: Layout, descriptor: Descriptor): ImageConfig {
  return checkConfig(
    layout.readJson(descriptor, { maxBytes: maxConfigBytes }),
    `config ${descriptor.digest}`,
  );
}

/**
 * Returns the descriptor of a manifest or index whose digest is known. Its size is that of the file.
 *
 * @throws LayerhookError BLOB_NOT_FOUND, and as {@link readIndexBlob}
 */
export function describeDocument(layout: Layout, digest: string): Descriptor {
  const size = sizeOf(layout.blobPlace(digest));
  if (size === undefined) throw new LayerhookError('BLOB_NOT_FOUND', { digest, path: layout.path });
  const descriptor = { mediaType: manifestMediaType, digest: digest as Digest, size };
  const document = layout.readJson(descriptor);
  if (!isObject(document)) return descriptor;
  if (typeof document.mediaType === 'string') return { ...descriptor, mediaType: document.mediaType };
  return 'manifests' in document ? { ...descriptor, mediaType: indexMediaType } : descriptor;
}

function sizeOf({ path, range, data }: BlobPlace): number | undefined {
  return data?.length ?? range?.size ?? statSync(path, { throwIfNoEntry: false })?.size;
}

function checkMediaType(actual: string | undefined, descriptor: Descriptor): void {
  if (actual === undefined || actual === descriptor.mediaType) return;
  const { digest, mediaType: expected } = descriptor;
  throw new LayerhookError('BLOB_MEDIA_TYPE', { digest, actual, expected });
}
