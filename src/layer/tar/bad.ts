/** Why a tar is malformed; the reader turns it into TAR_INVALID, adding which layer and where. */
export class BadTar extends Error {}
