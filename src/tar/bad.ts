/** The reason why a tar is malformed. The reader converts it to TAR_INVALID, and adds layer and offset. */
export class BadTar extends Error {}
