/** Media types of the image-spec 1.1 (media-types.md), and the Docker schema 2 ones that are read as these. */

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

/** The OCI media type that `mediaType` is read as: its equal for Docker schema 2, else itself. */
export function ociMediaType(mediaType: string): string {
  return Object.hasOwn(DOCKER, mediaType) ? DOCKER[mediaType]! : mediaType;
}

/** Whether it is one of Docker schema 2, which is read and never written. */
export function isDockerMediaType(mediaType: string): boolean {
  return Object.hasOwn(DOCKER, mediaType);
}

/** Whether a layer of this media type is a tar that can be unpacked, whatever its compression. */
export function isLayerMediaType(mediaType: string): boolean {
  return /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+|$)/.test(
    ociMediaType(mediaType),
  );
}
