import type { ByteString } from '../../system/bytes.js';

const capability = 'security.capability';
const revisionMask = 0xff000000;
const revision2 = 0x02000000;
const revision3 = 0x03000000;
const revision2Size = 20;

/** Returns why a layer cannot hold an xattr, or undefined if it can. */
export function xattrProblem(name: ByteString, value: Buffer): string | undefined {
  if (value.length === 0) return 'it is empty, and PAX readers drop empty values';
  if (name.includes('=')) return 'its name has a =, which ends a PAX keyword';
  return undefined;
}

/**
 * Returns the value of an xattr for a layer. File capabilities set in a user namespace hold the id on this host of that
 * namespace's root; in the image they belong to root. capabilities(7), "File capability extended attribute versioning".
 */
export function portableXattr(name: ByteString, value: Buffer): Buffer {
  if (name !== capability || value.length <= revision2Size) return value;
  const magic = value.readUInt32LE(0);
  if ((magic & revisionMask) >>> 0 !== revision3) return value;
  const portable = Buffer.from(value.subarray(0, revision2Size));
  portable.writeUInt32LE(((magic & ~revisionMask) | revision2) >>> 0, 0);
  return portable;
}
