import { bytes, words } from '../layer/merged/columns.js';
import { Names, none } from '../layer/merged/names.js';
import type { Time } from '../layer/types.js';
import type { ByteString } from '../system/bytes.js';
import { SystemError } from '../system/errno.js';
import { S } from '../system/files.js';
import { maxDepth } from '../system/path-limits.js';
import { inodeBytes, inodeField, inodeFormat, layout, maxName } from './format.js';
import { type EncodedXattrs, encodeXattrs } from './xattrs.js';

/** The metadata of a file. */
export interface Description {
  /** with the type */
  mode: number;
  uid: number;
  gid: number;
  mtime: Time;
  xattrs: ReadonlyMap<ByteString, Buffer>;
}

/** A file with holes: blocks of the image by chunk. */
export interface Chunks {
  /** log2 of the chunk's size in bytes */
  bits: number;
  blocks: Uint32Array;
}

/** The directory has an entry in the layer. */
export const listed = 1;
/** The directory replaces a file of the same layer, so it is a new one: it shares nothing with the lower layers. */
export const replaces = 2;
/** The directory hides what the lower layers have in it. */
export const opaque = 4;

/**
 * The files of an image under construction. Inodes are numbered from 0, the root directory; each is kept as the 64 bytes
 * that it takes in the image.
 */
export class ImageTree {
  readonly names = new Names();
  readonly xattrs = new Map<number, EncodedXattrs>();
  /** targets by inode */
  readonly symlinks = new Map<number, ByteString>();
  /** by inode */
  readonly chunks = new Map<number, Chunks>();
  #inodes = Buffer.alloc(256 * inodeBytes);
  #count = 0;
  /** of a directory: its first name; the others follow through {@link Names.next} */
  readonly #first = words();
  /** of a directory: the name that leads to it */
  readonly #name = words();
  readonly #depth = words();
  readonly #flags = bytes();

  constructor() {
    this.#addInode(S.IFDIR | 0o755);
  }

  get inodeCount(): number {
    return this.#count;
  }

  /** Returns the bytes of an inode, valid until another is added. */
  bytesOf(inode: number): Buffer {
    return this.#inodes.subarray(inode * inodeBytes, (inode + 1) * inodeBytes);
  }

  mode(inode: number): number {
    return this.#inodes.readUInt16LE(inode * inodeBytes + inodeField.mode);
  }

  isDirectory(inode: number): boolean {
    return (this.mode(inode) & S.IFMT) === S.IFDIR;
  }

  isSymlink(inode: number): boolean {
    return (this.mode(inode) & S.IFMT) === S.IFLNK;
  }

  size(inode: number): number {
    const at = inode * inodeBytes + inodeField.size;
    return this.#inodes.readUInt32LE(at) + this.#inodes.readUInt32LE(at + 4) * 2 ** 32;
  }

  has(inode: number, flag: number): boolean {
    return (this.#flags.get(inode) & flag) !== 0;
  }

  setFlag(inode: number, flag: number): void {
    this.#flags.set(inode, this.#flags.get(inode) | flag);
  }

  /** Returns the inode of a name in a directory, or {@link none}. */
  child(directory: number, text: ByteString): number {
    const name = this.names.find(directory, text);
    return name === none ? none : this.names.inode(name);
  }

  /** Returns the first name of a directory, or {@link none}. */
  firstName(directory: number): number {
    return this.#first.get(directory);
  }

  /** Returns the directory above a directory; the root is above itself. */
  parent(directory: number): number {
    const name = this.#name.get(directory);
    return name === none ? directory : this.names.directory(name);
  }

  /** Returns the path of a directory; `.` for the root. */
  pathOf(directory: number): ByteString {
    const parts: ByteString[] = [];
    for (let at = directory; at !== 0; at = this.parent(at)) parts.push(this.names.text(this.#name.get(at)));
    return parts.length === 0 ? '.' : parts.reverse().join('/');
  }

  /** Returns true if a directory can still be reached from the root. */
  isAttached(directory: number): boolean {
    for (let at = directory; at !== 0; at = this.parent(at))
      if (this.names.inode(this.#name.get(at)) !== at) return false;
    return true;
  }

  isBelow(directory: number, other: number): boolean {
    for (let at = directory; ; at = this.parent(at)) {
      if (at === other) return true;
      if (at === 0) return false;
    }
  }

  /** Adds a file without a name. */
  add(description: Description): number {
    const inode = this.#addInode(description.mode);
    this.describe(inode, description);
    return inode;
  }

  /** Adds an empty directory. @throws SystemError ENAMETOOLONG */
  addDirectory(parent: number, text: ByteString): number {
    const depth = this.#depth.get(parent) + 1;
    if (depth > maxDepth) throw new SystemError('ENAMETOOLONG', 'mkdir', text);
    const inode = this.#addInode(S.IFDIR | 0o755);
    this.#depth.set(inode, depth);
    this.#name.set(inode, this.setChild(parent, text, inode));
    return inode;
  }

  /** Makes a name of a directory lead to an inode. @returns the name @throws SystemError ENAMETOOLONG, EINVAL */
  setChild(directory: number, text: ByteString, inode: number): number {
    if (text.length > maxName) throw new SystemError('ENAMETOOLONG', 'link', text);
    if (text.includes('\0')) throw new SystemError('EINVAL', 'link', text);
    const known = this.names.find(directory, text);
    if (known !== none) {
      this.names.setInode(known, inode);
      return known;
    }
    const name = this.names.add(directory, text, inode, this.#first.get(directory));
    this.#first.set(directory, name);
    return name;
  }

  removeChild(directory: number, text: ByteString): void {
    const name = this.names.find(directory, text);
    if (name !== none) this.names.setInode(name, none);
  }

  /** Replaces the metadata of a file. @throws BadXattr */
  describe(inode: number, { mode, uid, gid, mtime, xattrs }: Description): void {
    const at = inode * inodeBytes;
    const bytes = this.#inodes;
    bytes.writeUInt16LE(mode, at + inodeField.mode);
    bytes.writeUInt32LE(uid, at + inodeField.uid);
    bytes.writeUInt32LE(gid, at + inodeField.gid);
    writeLong(bytes, mtime.sec, at + inodeField.mtime);
    bytes.writeUInt32LE(mtime.nsec, at + inodeField.mtimeNsec);
    const encoded = encodeXattrs(xattrs);
    if (encoded === undefined) this.xattrs.delete(inode);
    else this.xattrs.set(inode, encoded);
  }

  /** Sets where the data of a file is. @param address block of the data; or a device number */
  setData(inode: number, size: number, address: number, dataLayout: number = layout.plain): void {
    const at = inode * inodeBytes;
    this.#inodes.writeUInt16LE(inodeFormat(dataLayout), at + inodeField.format);
    writeLong(this.#inodes, size, at + inodeField.size);
    this.#inodes.writeUInt32LE(address, at + inodeField.address);
  }

  /** Sets where the copied data of a file is. @param copied its first block, or its chunks */
  setCopied(inode: number, size: number, copied: Chunks | number): void {
    if (typeof copied === 'number') {
      this.setData(inode, size, copied);
      return;
    }
    this.chunks.set(inode, copied);
    this.setData(inode, size, 0, layout.chunks);
  }

  #addInode(mode: number): number {
    const inode = this.#count++;
    if (this.#count * inodeBytes > this.#inodes.length)
      this.#inodes = Buffer.concat([this.#inodes], this.#inodes.length * 2);
    this.#first.push(none);
    this.#name.push(none);
    this.#depth.push(0);
    this.#flags.push(0);
    this.#inodes.writeUInt16LE(mode, inode * inodeBytes + inodeField.mode);
    this.setData(inode, 0, 0);
    return inode;
  }
}

/** Writes a number of 64 bits, which may be negative. */
function writeLong(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value >>> 0, at);
  bytes.writeInt32LE(Math.floor(value / 2 ** 32) | 0, at + 4);
}
