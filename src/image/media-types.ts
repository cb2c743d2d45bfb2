/** Media types of the image-spec 1.1 (media-types.md), and the Docker schema 2 media types that are read as OCI ones. */

export const MEDIA_TYPE_INDEX = 'application/vnd.oci.image.index.v1+json';
export const MEDIA_TYPE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const MEDIA_TYPE_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const MEDIA_TYPE_LAYER = 'application/vnd.oci.image.layer.v1.tar';
export const MEDIA_TYPE_EMPTY = 'application/vnd.oci.empty.v1+json';

const DOCKER: Readonly<Record<string, string>> = {
  'application/vnd.docker.distribution.manifest.list.v2+json': MEDIA_TYPE_INDEX,
  'application/vnd.docker.distribution.manifest.v2+json': MEDIA_TYPE_MANIFEST,
  'application/vnd.docker.container.image.v1+json': MEDIA_TYPE_CONFIG,
  'application/vnd.docker.image.rootfs.diff.tar': MEDIA_TYPE_LAYER,
  'application/vnd.docker.image.rootfs.diff.tar.gzip': `${MEDIA_TYPE_LAYER}+gzip`,
  'application/vnd.docker.image.rootfs.diff.tar.zstd': `${MEDIA_TYPE_LAYER}+zstd`,
  'application/vnd.docker.image.rootfs.foreign.diff.tar':
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip':
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
};

/** Returns the OCI equivalent of a Docker schema 2 media type; any other media type is returned unchanged. */
export function ociMediaType(mediaType: string): string {
  return Object.hasOwn(DOCKER, mediaType) ? DOCKER[mediaType]! : mediaType;
}

/** True if the media type is one of Docker schema 2, which is read but never written. */
export function isDockerMediaType(mediaType: string): boolean {
  return Object.hasOwn(DOCKER, mediaType);
}

/** True if a layer of this media type is a tar; the compression does not matter. */
export function isLayerMediaType(mediaType: string): boolean {
  return /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+|$)/.test(
    ociMediaType(mediaType),
  );
}
