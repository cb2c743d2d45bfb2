import { LayerhookError } from '../errors/index.js';
import { indexMediaType, isDockerMediaType, ociMediaType } from './media-types.js';
import type { Descriptor, Platform } from './types.js';

const attestationType = 'attestation-manifest';

/** True for an attestation of BuildKit: a manifest beside the image in its index. */
export function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.['vnd.docker.reference.type'] === attestationType;
}

/** Returns the digest of the image that an attestation of BuildKit describes; undefined for other descriptors. */
export function attestedImage(descriptor: Descriptor): string | undefined {
  return isAttestation(descriptor) ? descriptor.annotations?.['vnd.docker.reference.digest'] : undefined;
}

/** True for the platform of manifests that do not run, such as attestations. */
export function isUnknown(platform: Platform | undefined): boolean {
  return platform?.os === 'unknown' && platform.architecture === 'unknown';
}

/** @throws LayerhookError INDEX_REQUIRED unless the descriptor of a tag is that of an index */
export function requireIndex({ mediaType }: Descriptor, tag: string): void {
  if (ociMediaType(mediaType) !== indexMediaType)
    throw new LayerhookError('INDEX_REQUIRED', { tag, mediaType });
}

/** @throws LayerhookError IMAGE_UNWRITABLE for a document of Docker's schema 2 */
export function refuseDocker({ mediaType, digest }: Descriptor): void {
  if (isDockerMediaType(mediaType)) throw new LayerhookError('IMAGE_UNWRITABLE', { digest, mediaType });
}
