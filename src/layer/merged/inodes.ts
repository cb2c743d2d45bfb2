import type { ByteString } from '../../system/bytes.js';
import { S } from '../../system/files.js';
import { DigestPool } from '../apply/tree.js';
import { type FileType, typeBits, typeOfBits } from '../file-types.js';
import type { Time } from '../types.js';
import { numbers, shorts, words } from './columns.js';
import { Texts } from './texts.js';

/** What an entry says about its file. */
export interface Metadata {
  /** permission, setuid, setgid and sticky bits */
  mode: number;
  uid: number;
  gid: number;
  mtime: Time;
  xattrs: ReadonlyMap<ByteString, Buffer>;
}

/** The location of a regular file's content. */
export interface DataPlace {
  /** index of the layer, 0 is the lowest */
  layer: number;
  /** offset in the layer's uncompressed tar of the stored bytes */
  offset: number;
  /** bytes of content, including holes */
  size: number;
  /** bytes that the tar stores */
  stored: number;
  /** where the stored bytes of a sparse file belong: offset, length, offset, length, ...; null for other files */
  sparse: readonly number[] | null;
}

const noXattrs: ReadonlyMap<ByteString, Buffer> = new Map();

/** The files of a {@link MergedTree}, by number, without their names: about 60 bytes each. */
export class Inodes {
  readonly #mode = shorts();
  readonly #uid = words();
  readonly #gid = words();
  readonly #seconds = numbers();
  readonly #nanoseconds = words();
  readonly #xattrs = words();
  readonly #layer = shorts();
  /** of a regular file: its bytes; of a device: its major number */
  readonly #size = numbers();
  /** of a regular file: the offset of its data; of a device: its minor number; of a symlink: its target in `#targets` */
  readonly #place = numbers();
  /** 0: unknown; else the index in `#digests` and one */
  readonly #digest = words();
  readonly #targets = new Texts();
  readonly #digests = new DigestPool();
  readonly #sparse = new Map<number, readonly number[]>();
  /** distinct sets of xattrs: most images have few */
  readonly #xattrSets: ReadonlyMap<ByteString, Buffer>[] = [noXattrs];
  readonly #xattrSetOf = new Map<string, number>();
  #xattrBytes = 0;

  get length(): number {
    return this.#mode.length;
  }

  /** Bytes of link targets, xattrs and maps of sparse files together. */
  get extraBytes(): number {
    return this.#targets.byteLength + this.#xattrBytes;
  }

  /** Adds a file without metadata. @param type null: a file that is not known yet, {@link isKnown} */
  add(type: FileType | null): number {
    const inode = this.#mode.push(type === null ? 0 : typeBits[type]);
    for (const column of [this.#uid, this.#gid, this.#nanoseconds, this.#xattrs, this.#digest])
      column.push(0);
    for (const column of [this.#seconds, this.#size, this.#place]) column.push(0);
    this.#layer.push(0);
    return inode;
  }

  /** Replaces the metadata of a file. @param layer index of the layer that says so */
  describe(inode: number, { mode, uid, gid, mtime, xattrs }: Metadata, layer: number): void {
    this.#mode.set(inode, (this.#mode.get(inode) & S.IFMT) | mode);
    this.#uid.set(inode, uid);
    this.#gid.set(inode, gid);
    this.#seconds.set(inode, mtime.sec);
    this.#nanoseconds.set(inode, mtime.nsec);
    this.#xattrs.set(inode, this.#addXattrs(xattrs));
    this.#layer.set(inode, layer);
  }

  /** @param digest SHA-256 of the content, one char per byte; null: unknown */
  setData(
    inode: number,
    { size, offset, sparse }: Pick<DataPlace, 'size' | 'offset' | 'sparse'>,
    digest: ByteString | null,
  ): void {
    this.#size.set(inode, size);
    this.#place.set(inode, offset);
    if (sparse !== null) {
      this.#sparse.set(inode, sparse);
      this.#xattrBytes += sparse.length * 8;
    }
    if (digest !== null) this.#digest.set(inode, this.#digests.add(digest) + 1);
  }

  setTarget(inode: number, target: ByteString): void {
    this.#place.set(inode, this.#targets.push(target));
  }

  setDevice(inode: number, major: number, minor: number): void {
    this.#size.set(inode, major);
    this.#place.set(inode, minor);
  }

  /** False for the place of a hardlink whose target is not known yet. */
  isKnown(inode: number): boolean {
    return this.#mode.get(inode) !== 0;
  }

  type(inode: number): FileType {
    return typeOfBits.get(this.#mode.get(inode) & S.IFMT)!;
  }

  isDirectory(inode: number): boolean {
    return (this.#mode.get(inode) & S.IFMT) === S.IFDIR;
  }

  isSymlink(inode: number): boolean {
    return (this.#mode.get(inode) & S.IFMT) === S.IFLNK;
  }

  isRegular(inode: number): boolean {
    return (this.#mode.get(inode) & S.IFMT) === S.IFREG;
  }

  metadata(inode: number): Metadata {
    return {
      mode: this.#mode.get(inode) & ~S.IFMT,
      uid: this.#uid.get(inode),
      gid: this.#gid.get(inode),
      mtime: { sec: this.#seconds.get(inode), nsec: this.#nanoseconds.get(inode) },
      xattrs: this.#xattrSets[this.#xattrs.get(inode)]!,
    };
  }

  /** Returns the index of the layer that the metadata comes from, and the content if it is not a directory. */
  layer(inode: number): number {
    return this.#layer.get(inode);
  }

  /** Returns the bytes of a regular file, including holes; 0 for other types. */
  size(inode: number): number {
    return this.isRegular(inode) ? this.#size.get(inode) : 0;
  }

  /** Returns the offset in the layer's tar of a regular file's content. */
  dataOffset(inode: number): number {
    return this.#place.get(inode);
  }

  /** Returns the location of a regular file's content. */
  data(inode: number): DataPlace {
    const sparse = this.#sparse.get(inode) ?? null;
    const size = this.#size.get(inode);
    const stored = sparse === null ? size : sparse.reduce((sum, n, at) => (at % 2 === 1 ? sum + n : sum), 0);
    return { layer: this.layer(inode), offset: this.#place.get(inode), size, stored, sparse };
  }

  /** Returns the SHA-256 of a regular file's content in hexadecimal; null if it was not computed. */
  digest(inode: number): string | null {
    const index = this.#digest.get(inode);
    return index === 0 ? null : this.#digests.hex(index - 1);
  }

  /** Returns the target of a symlink, unchanged. */
  target(inode: number): ByteString {
    return this.#targets.get(this.#place.get(inode));
  }

  /** Returns the numbers of a device. */
  device(inode: number): { major: number; minor: number } {
    return { major: this.#size.get(inode), minor: this.#place.get(inode) };
  }

  #addXattrs(xattrs: ReadonlyMap<ByteString, Buffer>): number {
    if (xattrs.size === 0) return 0;
    const key = JSON.stringify([...xattrs].map(([name, value]) => [name, value.toString('latin1')]).sort());
    const known = this.#xattrSetOf.get(key);
    if (known !== undefined) return known;
    this.#xattrBytes += key.length * 2;
    this.#xattrSetOf.set(key, this.#xattrSets.length);
    return this.#xattrSets.push(xattrs) - 1;
  }
}
