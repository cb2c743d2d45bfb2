import { LayerhookError } from '../errors/index.js';
import { S } from '../system/files.js';

/**
 * The on-disk format of EROFS: Linux fs/erofs/erofs_fs.h, Documentation/filesystems/erofs.rst. All numbers are little
 * endian.
 */

/** Offset of the superblock in the image, in bytes. */
export const superblockAt = 1024;
/** Offset of the layer's tar in the image, in bytes: a multiple of a tar block, so that file data is aligned to blocks. */
export const tarAt = 2048;
/** log2 of the block size: tars align file data to 512 bytes. */
export const tarBlockBits = 9;
/** An inode's number (nid) is its offset from the start of the metadata in units of 32 bytes. */
export const slotBits = 5;
/** Size of an extended inode. */
export const inodeBytes = 64;
export const direntBytes = 12;
/** The address of a hole in a list of chunks. */
export const hole = 0xffffffff;
/** Longest name of a file. */
export const maxName = 255;

/** Block numbers have 32 bits; the highest one means a hole. */
const maxBlocks = hole - 1;

/** Requires that an image ends where block numbers still reach. @throws LayerhookError LIMIT_EXCEEDED, from 2 TiB on */
export function requireBlocks(end: number, block: number): void {
  if (end / block <= maxBlocks) return;
  const limit = `${maxBlocks} blocks of ${block} bytes`;
  throw new LayerhookError('LIMIT_EXCEEDED', { what: 'size of an EROFS image', limit });
}

/** How the data of an inode is stored. */
export const layout = { plain: 0, inline: 2, chunks: 4 } as const;

/** Offsets in an extended inode. */
export const inodeField = {
  format: 0,
  xattrCount: 2,
  mode: 4,
  size: 8,
  /** block of the data, device number, or format of the chunks */
  address: 16,
  ino: 20,
  uid: 24,
  gid: 28,
  mtime: 32,
  mtimeNsec: 40,
  nlink: 44,
} as const;

/** Returns the format of an extended inode with this data layout. */
export function inodeFormat(dataLayout: number): number {
  return (dataLayout << 1) | 1;
}

const fileTypes = new Map<number, number>([
  [S.IFREG, 1],
  [S.IFDIR, 2],
  [S.IFCHR, 3],
  [S.IFBLK, 4],
  [S.IFIFO, 5],
  [S.IFSOCK, 6],
  [S.IFLNK, 7],
]);

/** Returns the type in a directory entry for a mode. */
export function fileTypeOf(mode: number): number {
  return fileTypes.get(mode & S.IFMT)!;
}

const maxMajor = 0xfff;
const maxMinor = 0xfffff;

/** Encodes a device number; undefined if Linux cannot represent it; include/linux/kdev_t.h, new_encode_dev. */
export function encodeDevice(major: number, minor: number): number | undefined {
  if (major > maxMajor || minor > maxMinor) return undefined;
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

export interface Superblock {
  blockBits: number;
  /** number of the root directory: 16 bits */
  rootNid: number;
  inodes: number;
  /** size of the image in blocks */
  blocks: number;
  /** first block of the metadata */
  metaBlock: number;
  /** 16 bytes */
  uuid: Uint8Array;
  hasChunks: boolean;
}

const magic = 0xe0f5e1e2;
const feature = { checksum: 1, chunks: 4 } as const;

/** Returns the superblock, from byte 1024 to the end of its checksummed range: the rest of the block, or a whole block of up to 1024 bytes. */
export function encodeSuperblock(given: Superblock): Buffer {
  const { blockBits } = given;
  const block = 1 << blockBits;
  const bytes = Buffer.alloc(block > superblockAt ? block - superblockAt : block);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(feature.checksum, 8);
  bytes.writeUInt8(blockBits, 12);
  bytes.writeUInt16LE(given.rootNid, 14);
  bytes.writeBigUInt64LE(BigInt(given.inodes), 16);
  bytes.writeUInt32LE(given.blocks, 36);
  bytes.writeUInt32LE(given.metaBlock, 40);
  bytes.set(given.uuid, 48);
  bytes.writeUInt32LE(given.hasChunks ? feature.chunks : 0, 80);
  bytes.writeUInt32LE(crc32c(bytes), 4);
  return bytes;
}

const castagnoli = 0x82f63b78;

/** The kernel's crc32c with the seed ~0 and without a final inversion; the checksum field itself counts as 0. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ castagnoli : crc >>> 1;
  }
  return crc >>> 0;
}
