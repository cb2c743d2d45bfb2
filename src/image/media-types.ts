/** Media types of the image-spec 1.1 (media-types.md), and the Docker schema 2 media types that are read as OCI ones. */

export const MEDIA_TYPE_INDEX = 'application/vnd.oci.image.index.v1+json';
export const MEDIA_TYPE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const MEDIA_TYPE_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const MEDIA_TYPE_LAYER = 'application/vnd.oci.image.layer.v1.tar';
const MEDIA_TYPE_FOREIGN_LAYER = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
export const MEDIA_TYPE_EMPTY = 'application/vnd.oci.empty.v1+json';

const DOCKER: Readonly<Record<string, string>> = {
  'application/vnd.docker.distribution.manifest.list.v2+json': MEDIA_TYPE_INDEX,
  'application/vnd.docker.distribution.manifest.v2+json': MEDIA_TYPE_MANIFEST,
  'application/vnd.docker.container.image.v1+json': MEDIA_TYPE_CONFIG,
};

/** Layers: Docker appends the compression with a dot, OCI with a plus sign. */
const dockerLayer = /^application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(?:\.(\w+))?$/;
const ociLayer = /^application\/vnd\.oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(.+))?$/;

/** Returns the OCI equivalent of a Docker schema 2 media type; any other media type is returned unchanged. */
export function ociMediaType(mediaType: string): string {
  if (Object.hasOwn(DOCKER, mediaType)) return DOCKER[mediaType]!;
  return mediaType.replace(dockerLayer, (_, foreign?: string, suffix?: string) => {
    const base = foreign === undefined ? MEDIA_TYPE_LAYER : MEDIA_TYPE_FOREIGN_LAYER;
    return suffix === undefined ? base : `${base}+${suffix}`;
  });
}

/** True if the media type is one of Docker schema 2, which is read but never written. */
export function isDockerMediaType(mediaType: string): boolean {
  return ociMediaType(mediaType) !== mediaType;
}

/** Returns the suffix of a layer's media type that names its compression, '' if there is none; undefined for other types. */
export function layerSuffix(mediaType: string): string | undefined {
  const match = ociLayer.exec(ociMediaType(mediaType));
  return match === null ? undefined : (match[1] ?? '');
}
