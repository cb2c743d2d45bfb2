import type { ByteString } from '../system/bytes.js';

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

/** A time to the nanosecond: seconds since the epoch (may be negative) and 0 to 999,999,999 nanoseconds. */
export interface Time {
  sec: number;
  nsec: number;
}

/** One entry of a tar, as it stands there: names are neither cleaned nor checked. */
export interface TarEntry {
  name: ByteString;
  type: EntryType;
  /** bytes of content, holes of a sparse file included; 0 for all but files */
  size: number;
  /** permission, setuid, setgid and sticky bits */
  mode: number;
  uid: number;
  gid: number;
  uname: ByteString;
  gname: ByteString;
  mtime: Time;
  /** target of a hardlink or symlink */
  linkname: ByteString;
  devMajor: number;
  devMinor: number;
  /** extended attributes by full name (`user.x`), as binary; from SCHILY.xattr and LIBARCHIVE.xattr */
  xattrs: ReadonlyMap<ByteString, Buffer>;
}

/** Blocking source of bytes, for synchronous readers in worker threads. */
export interface ByteSource {
  /** The next bytes, valid until the next call; null at the end. Waits, blocking the thread, if need be. */
  read(): Buffer | null;
}

/** One range of a user-namespace map; runtime-spec config-linux.md, "User namespace mappings". */
export interface IdRange {
  containerID: number;
  hostID: number;
  size: number;
}

/** How owners of a layer become owners on disk, and back. Empty lists: unchanged. */
export interface MapOptions {
  uidMappings: IdRange[];
  gidMappings: IdRange[];
  /** without privileges (umoci's --rootless): owners go to `user.rootlesscontainers`, devices become empty files */
  rootless: boolean;
}

/** How whiteouts are written: `plain` removes what is there, `overlay` writes what overlayfs reads. */
export type LayerFormat = 'plain' | 'overlay';

/** Namespace of the extended attributes that overlayfs acts on. */
export type OverlayXattr = 'trusted' | 'user';

export interface ApplyOptions {
  map: MapOptions;
  format: LayerFormat;
  /** a symlink to a directory stays when a layer has a directory in its place (umoci's --keep-dirlinks) */
  keepDirlinks: boolean;
  /** the namespace overlayfs reads its attributes from: `trusted`, or `user` for mounts with userxattr */
  overlayXattr: OverlayXattr;
}

/** Where a layer's bytes are and what they must be. */
export interface LayerSource {
  /** file of the blob */
  path: string;
  /** embedded blob instead of a file (descriptor's `data`) */
  data?: Uint8Array;
  digest: string;
  /** bytes of the blob */
  size: number;
  mediaType: string;
  diffID: string;
}

/** What independent extraction could not know without the layers below; settled by post-extract. */
export interface Unsettled {
  /** directories made only because something below them was in the tar, parents first */
  implicitDirectories: ByteString[];
  /**
   * those of them that are there only to hide something: where the layers below have no directory of this path,
   * there is nothing to hide, and they are not to be there either
   */
  hidingDirectories: ByteString[];
  /** whiteouts: where the layers below have nothing of this path, a directory would list what is not there */
  whiteouts: ByteString[];
  /** hardlinks whose target is not in this layer */
  lowerHardlinks: { path: ByteString; target: ByteString }[];
}

/** What files take on disk. */
export interface Usage {
  /** bytes that are allocated */
  size: number;
  inodes: number;
}

/** What applying one layer did. */
export interface AppliedLayer {
  digest: string;
  diffID: string;
  /** uncompressed bytes, all of the stream */
  bytes: number;
  entries: number;
  unsettled: Unsettled;
}

/** A change of one path against the layers below. `add` and `modify` make an entry, `delete` a whiteout. */
export type ChangeKind = 'add' | 'modify' | 'delete';

/** One row of a delta; `path` is relative to the rootfs, without a leading slash, `.` for the rootfs itself. */
export interface Change {
  path: ByteString;
  kind: ChangeKind;
  /** of a directory: nothing that lower layers have in it shows; image-spec layer.md, "Opaque Whiteout" */
  opaque?: boolean;
}

export type Compression = 'gzip' | 'zstd' | 'none';
