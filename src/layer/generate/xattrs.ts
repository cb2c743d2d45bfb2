import type { ByteString } from '../../system/bytes.js';

const capability = 'security.capability';
const revisionMask = 0xff000000;
const revision2 = 0x02000000;
const revision3 = 0x03000000;
const revision2Size = 20;

/** Why an attribute cannot be in a layer, or undefined if it can. */
export function xattrProblem(name: ByteString, value: Buffer): string | undefined {
  if (value.length === 0) return 'it is empty, which PAX readers take for none';
  if (name.includes('=')) return 'its name has a =, which ends a PAX keyword';
  return undefined;
}

/**
 * The value for a layer. File capabilities set in a user namespace name that namespace's root by its id on
 * this host; in the image they are root's. capabilities(7), "File capability extended attribute versioning".
 */
export function portableXattr(name: ByteString, value: Buffer): Buffer {
  if (name !== capability || value.length <= revision2Size) return value;
  const magic = value.readUInt32LE(0);
  if ((magic & revisionMask) >>> 0 !== revision3) return value;
  const portable = Buffer.from(value.subarray(0, revision2Size));
  portable.writeUInt32LE(((magic & ~revisionMask) | revision2) >>> 0, 0);
  return portable;
}
