import type { ByteString } from '../system/bytes.js';

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

/** A time with nanoseconds: seconds since the epoch (may be negative) plus 0 to 999,999,999 nanoseconds. */
export interface Time {
  sec: number;
  nsec: number;
}

/** One entry of a tar. Names are neither cleaned nor checked. */
export interface TarEntry {
  name: ByteString;
  type: EntryType;
  /** bytes of content, including holes of a sparse file; 0 for all types but files */
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
  /** xattrs by full name (`user.x`), as bytes; from SCHILY.xattr and LIBARCHIVE.xattr */
  xattrs: ReadonlyMap<ByteString, Buffer>;
}

/** A blocking source of bytes, for synchronous readers in worker threads. */
export interface ByteSource {
  /** Returns the next bytes, valid until the next call; null at the end. Blocks the thread if necessary. */
  read(): Buffer | null;
  /**
   * Skips bytes without reading them; for sources that can seek.
   *
   * @returns how many bytes the source had: fewer than `length` only at its end
   */
  skip?(length: number): number;
}
