import { LayerhookError } from '../errors/index.js';
import { checkConfig, checkIndex, checkManifest } from './documents.js';
import type { Layout } from './layout.js';
import type { Descriptor, ImageConfig, Index, Manifest } from './types.js';

const MAX_CONFIG_BYTES = 8 << 20;

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
    layout.readJson(descriptor, { maxBytes: MAX_CONFIG_BYTES }),
    `config ${descriptor.digest}`,
  );
}

function checkMediaType(actual: string | undefined, descriptor: Descriptor): void {
  if (actual === undefined || actual === descriptor.mediaType) return;
  const { digest, mediaType: expected } = descriptor;
  throw new LayerhookError('BLOB_MEDIA_TYPE', { digest, actual, expected });
}
