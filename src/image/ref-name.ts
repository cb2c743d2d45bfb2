/** The annotation that holds the tag of a descriptor in index.json; image-spec annotations.md. */
export const refNameAnnotation = 'org.opencontainers.image.ref.name';
