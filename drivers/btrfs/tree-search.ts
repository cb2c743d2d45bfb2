import { requireDepth } from 'layerhook';
import { type ByteString, E, fromText, ioctlNumber, SystemError, tryIoctl } from 'layerhook/system';
import { rootInode } from './subvolume.js';

/** linux/btrfs.h: struct btrfs_ioctl_search_args_v2 consists of its key, the size of the buffer, and the buffer. */
const keySize = 104;
const argsSize = 112;
const headerSize = 32;
const bufferSize = 256 * 1024;
const request = ioctlNumber('both', 0x94, 17, argsSize);
/** Types of items in a subvolume's tree; linux/btrfs_tree.h. */
const item = { inode: 1, inodeRef: 12, inodeExtref: 13 } as const;
const lastType = 255;
/** the buffer of all searches, which never overlap */
const args = Buffer.alloc(argsSize + bufferSize);
const maxU64 = 2n ** 64n - 1n;
/** The highest inode number of a file; the numbers above belong to the filesystem. */
const lastInode = 2n ** 64n - 256n;

interface Item {
  objectid: bigint;
  type: number;
  offset: bigint;
  /** valid until the next item */
  data: Buffer;
}

interface Range {
  min: bigint;
  max: bigint;
  /** highest item type of the last file; default: all types */
  maxType?: number;
  /** skip branches of the tree that no transaction from this one on has touched */
  since?: bigint;
}

/** True if this process may search trees, which requires CAP_SYS_ADMIN. */
export function maySearch(fd: number): boolean {
  const first = BigInt(rootInode);
  return searchOnce(fd, { min: first, max: first }) !== -E.EPERM;
}

/**
 * Returns the inode numbers of an open subvolume that a transaction after `generation` has changed: content, metadata,
 * attributes, names, or the entries of a directory. Reads only the changed parts of the tree.
 *
 * @throws SystemError
 */
export function changedInodes(fd: number, generation: bigint): Set<number> {
  const changed = new Set<number>();
  const since = generation + 1n;
  for (const { objectid, type, data } of search(fd, { min: BigInt(rootInode), max: lastInode, since })) {
    // struct btrfs_inode_item: generation, transid, ...
    if (type === item.inode && data.readBigUInt64LE(8) >= since) changed.add(Number(objectid));
  }
  return changed;
}

/** Finds the paths of an open subvolume's files by their inode numbers. */
export class InodePaths {
  readonly #fd: number;
  readonly #directories = new Map<number, ByteString>([[rootInode, '']]);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Returns all paths of a file, relative to the root, which is `.`; empty if the file was deleted. @throws SystemError */
  of(inode: number): ByteString[] {
    if (inode === rootInode) return ['.'];
    const paths: ByteString[] = [];
    for (const { parent, name } of this.#names(inode)) {
      const above = this.#directory(parent);
      if (above !== undefined) paths.push(above + name);
    }
    return paths;
  }

  /** Returns the path of a directory with a trailing slash. Iterative, because a container chooses the depth. */
  #directory(inode: number): ByteString | undefined {
    const unknown: { inode: number; name: ByteString }[] = [];
    let at = inode;
    while (!this.#directories.has(at)) {
      const [only] = this.#names(at);
      if (only === undefined) return undefined;
      unknown.push({ inode: at, name: only.name });
      at = only.parent;
      requireDepth('the rootfs', unknown.length);
    }
    let path = this.#directories.get(at)!;
    for (const { inode: below, name } of unknown.reverse()) {
      path = `${path}${name}/`;
      this.#directories.set(below, path);
    }
    return path;
  }

  #names(inode: number): { parent: number; name: ByteString }[] {
    const names: { parent: number; name: ByteString }[] = [];
    const range = { min: BigInt(inode), max: BigInt(inode), maxType: item.inodeExtref };
    for (const { type, offset, data } of search(this.#fd, range)) {
      if (type === item.inodeRef) names.push(...refs(data, Number(offset)));
      else if (type === item.inodeExtref) names.push(...extrefs(data));
    }
    return names;
  }
}

/** struct btrfs_inode_ref: index, length, name; repeated for several names in one directory. */
function* refs(data: Buffer, parent: number): Generator<{ parent: number; name: ByteString }> {
  for (let at = 0; at < data.length; ) {
    const end = at + 10 + data.readUInt16LE(at + 8);
    yield { parent, name: data.toString('latin1', at + 10, end) };
    at = end;
  }
}

/** struct btrfs_inode_extref: parent, index, length, name. */
function* extrefs(data: Buffer): Generator<{ parent: number; name: ByteString }> {
  for (let at = 0; at < data.length; ) {
    const end = at + 18 + data.readUInt16LE(at + 16);
    yield { parent: Number(data.readBigUInt64LE(at)), name: data.toString('latin1', at + 18, end) };
    at = end;
  }
}

/** Yields the items of files from `min` to `max` in the tree of an open subvolume, in tree order. */
function* search(fd: number, range: Range): Generator<Item> {
  let from: Position | undefined;
  for (;;) {
    const count = searchOnce(fd, range, from);
    if (count < 0) throw new SystemError(-count, 'ioctl', fromText(`fd ${fd}`));
    if (count === 0) return;
    let at = argsSize;
    for (let i = 0; i < count; i++) {
      // struct btrfs_ioctl_search_header: transid, objectid, offset, type, len
      const [objectid, offset] = [args.readBigUInt64LE(at + 8), args.readBigUInt64LE(at + 16)];
      const [type, size] = [args.readUInt32LE(at + 24), args.readUInt32LE(at + 28)];
      at += headerSize;
      yield { objectid, type, offset, data: args.subarray(at, at + size) };
      at += size;
      from = after({ objectid, type, offset });
    }
  }
}

type Position = Pick<Item, 'objectid' | 'type' | 'offset'>;

/** Returns the position in the tree directly after an item. */
function after({ objectid, type, offset }: Position): Position {
  if (offset < maxU64) return { objectid, type, offset: offset + 1n };
  if (type < lastType) return { objectid, type: type + 1, offset: 0n };
  return { objectid: objectid + 1n, type: 0, offset: 0n };
}

/** Fills the buffer with the next items. @returns their number, or a negative errno */
function searchOnce(
  fd: number,
  { min, max, maxType = lastType, since = 0n }: Range,
  from?: Position,
): number {
  const { objectid, type, offset } = from ?? { objectid: min, type: 0, offset: 0n };
  if (objectid > max) return 0;
  // struct btrfs_ioctl_search_key: tree (0: that of fd), objectid, offset, transid (min and max each), types, count
  args.fill(0, 0, keySize);
  [0n, objectid, max, offset, maxU64, since, maxU64].forEach((value, at) => {
    args.writeBigUInt64LE(value, at * 8);
  });
  args.writeUInt32LE(type, 56);
  args.writeUInt32LE(maxType, 60);
  args.writeUInt32LE(0xffff_ffff, 64);
  args.writeBigUInt64LE(BigInt(bufferSize), keySize);
  const done = tryIoctl(fd, request, args);
  return done < 0 ? done : args.readUInt32LE(64);
}
