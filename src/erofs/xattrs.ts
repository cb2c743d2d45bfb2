import type { ByteString } from '../system/bytes.js';

/** Prefixes of attribute names with their numbers in the image: EROFS holds no attribute with another prefix. */
const prefixes: readonly [prefix: ByteString, index: number][] = [
  ['user.', 1],
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['trusted.', 4],
  ['security.', 6],
];

const headerBytes = 12;
const entryBytes = 4;
const maxNameBytes = 255;
const maxValueBytes = 0xffff;
const maxCount = 0xffff;

/** Encoded attributes of an inode, which follow the inode. */
export interface EncodedXattrs {
  bytes: Buffer;
  /** value of the inode's field i_xattr_icount */
  count: number;
}

/** An attribute that EROFS cannot hold. */
export class BadXattr extends Error {
  readonly xattr: ByteString;

  constructor(xattr: ByteString, message: string) {
    super(message);
    this.xattr = xattr;
  }
}

/** Returns true if EROFS can hold attributes with the prefix of this name. */
export function isXattrSupported(name: ByteString): boolean {
  return prefixOf(name) !== undefined;
}

/**
 * Encodes extended attributes; Linux fs/erofs/erofs_fs.h, "inline xattrs".
 *
 * @throws BadXattr if a name, a value, or all attributes together are too long
 */
export function encodeXattrs(xattrs: ReadonlyMap<ByteString, Buffer>): EncodedXattrs | undefined {
  if (xattrs.size === 0) return undefined;
  const entries = [...xattrs].map(([name, value]) => encodeEntry(name, value));
  const bytes = Buffer.concat([Buffer.alloc(headerBytes), ...entries]);
  const count = 1 + (bytes.length - headerBytes) / entryBytes;
  if (count > maxCount) throw new BadXattr([...xattrs.keys()][0]!, 'its attributes are too large');
  return { bytes, count };
}

/** Returns encoded attributes with one more. */
export function addXattr(encoded: EncodedXattrs | undefined, name: ByteString, value: Buffer): EncodedXattrs {
  const entry = encodeEntry(name, value);
  const { bytes, count } = encoded ?? { bytes: Buffer.alloc(headerBytes), count: 1 };
  return { bytes: Buffer.concat([bytes, entry]), count: count + entry.length / entryBytes };
}

function encodeEntry(name: ByteString, value: Buffer): Buffer {
  const [prefix, index] = prefixOf(name)!;
  const rest = name.slice(prefix.length);
  if (rest.length > maxNameBytes || value.length > maxValueBytes)
    throw new BadXattr(name, 'the name or value of an attribute is too long');
  const length = entryBytes + rest.length + value.length;
  const entry = Buffer.alloc(Math.ceil(length / entryBytes) * entryBytes);
  entry.writeUInt8(rest.length, 0);
  entry.writeUInt8(index, 1);
  entry.writeUInt16LE(value.length, 2);
  entry.write(rest, entryBytes, 'latin1');
  value.copy(entry, entryBytes + rest.length);
  return entry;
}

function prefixOf(name: ByteString): readonly [ByteString, number] | undefined {
  return prefixes.find(([prefix]) => (prefix.endsWith('.') ? name.startsWith(prefix) : name === prefix));
}
