import { basename, dirname } from 'node:path';
import {
  AT_FDCWD,
  type ByteString,
  close,
  E,
  fromText,
  ioctl,
  ioctlNumber,
  O,
  openat,
  StatBuffer,
  SystemError,
  statFd,
  tryIoctl,
  tryOpenat,
} from 'layerhook/system';

/** Information that btrfs keeps about a subvolume; btrfs-subvolume(8), "show". */
export interface SubvolumeInfo {
  uuid: string;
  /** UUID of the subvolume that it is a snapshot of; zeros if it is not a snapshot */
  parentUuid: string;
  /** the transaction that created it; later changes in it have higher numbers */
  generation: bigint;
  /** time of creation, in ns since the epoch */
  created: bigint;
}

/** Inode number of the root of each subvolume; BTRFS_FIRST_FREE_OBJECTID. */
export const rootInode = 256;

/** linux/btrfs.h; the struct sizes are part of the numbers. */
const magic = 0x94;
const volArgs = 4096;
const subvolInfoSize = 504;
const fsInfoSize = 1024;
const request = {
  sync: ioctlNumber('none', magic, 8, 0),
  snapDestroy: ioctlNumber('write', magic, 15, volArgs),
  snapCreate: ioctlNumber('write', magic, 23, volArgs),
  subvolCreate: ioctlNumber('write', magic, 24, volArgs),
  getFlags: ioctlNumber('read', magic, 25, 8),
  setFlags: ioctlNumber('write', magic, 26, 8),
  fsInfo: ioctlNumber('read', magic, 31, fsInfoSize),
  subvolInfo: ioctlNumber('read', magic, 60, subvolInfoSize),
} as const;
const readOnlyFlag = 2n;

/** Creates an empty subvolume. @throws SystemError */
export function createSubvolume(path: string): void {
  withDirectory(dirname(path), (fd) =>
    ioctl(fd, request.subvolCreate, nameArgs(fromText(basename(path)), 56), fromText(path)),
  );
}

/**
 * Creates a writable snapshot of a subvolume. When this returns, both are on disk, data included.
 *
 * @throws SystemError
 */
export function snapshotSubvolume(source: string, path: string): void {
  withDirectory(source, (from) => {
    const args = nameArgs(fromText(basename(path)), 56);
    args.writeBigInt64LE(BigInt(from));
    withDirectory(dirname(path), (fd) => ioctl(fd, request.snapCreate, args, fromText(path)));
  });
}

/**
 * Deletes a subvolume in an open directory; it must not contain other subvolumes. btrfs frees its space in the background.
 *
 * @returns 0, or a negative errno
 */
export function tryDestroyAt(dirfd: number, name: ByteString): number {
  return tryIoctl(dirfd, request.snapDestroy, nameArgs(name, 8));
}

/** Makes a subvolume read-only or writable. @throws SystemError */
export function setReadOnly(path: string, readOnly: boolean): void {
  withDirectory(path, (fd) => {
    const flags = Buffer.alloc(8);
    ioctl(fd, request.getFlags, flags, fromText(path));
    const others = flags.readBigUInt64LE() & ~readOnlyFlag;
    flags.writeBigUInt64LE(readOnly ? others | readOnlyFlag : others);
    ioctl(fd, request.setFlags, flags, fromText(path));
  });
}

/**
 * Returns the information about the subvolume whose root is `path`; undefined if `path` is missing or not a subvolume.
 *
 * @throws SystemError
 */
export function subvolumeInfo(path: string): SubvolumeInfo | undefined {
  return withDirectoryIfThere(path, (fd) => {
    const stat = new StatBuffer();
    statFd(fd, stat);
    if (stat.ino !== BigInt(rootInode)) return undefined;
    const info = Buffer.alloc(subvolInfoSize);
    if (!ask(fd, request.subvolInfo, info, path)) return undefined;
    return {
      uuid: info.toString('hex', 296, 312),
      parentUuid: info.toString('hex', 312, 328),
      generation: info.readBigUInt64LE(352),
      created: info.readBigUInt64LE(392) * 1_000_000_000n + BigInt(info.readUInt32LE(400)),
    };
  });
}

/** Returns the ID of the btrfs that `path` is on; undefined on another type of filesystem. @throws SystemError */
export function filesystemID(path: string): string | undefined {
  return withDirectoryIfThere(path, (fd) => {
    const info = Buffer.alloc(fsInfoSize);
    return ask(fd, request.fsInfo, info, path) ? info.toString('hex', 16, 32) : undefined;
  });
}

/** Writes all cached changes of a filesystem, data included, to its device. @throws SystemError */
export function flushFilesystem(path: string): void {
  withDirectory(path, (fd) => ioctl(fd, request.sync, Buffer.alloc(0), fromText(path)));
}

/** Returns an ioctl argument with a name at `offset` and zeros elsewhere. */
function nameArgs(name: ByteString, offset: number): Buffer {
  const args = Buffer.alloc(volArgs);
  args.write(name, offset, 'latin1');
  return args;
}

/** Runs `use` with an open directory. @throws SystemError */
export function withDirectory<T>(path: string, use: (fd: number) => T): T {
  const fd = openat(AT_FDCWD, fromText(path), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

/** Fills `info` by an ioctl of btrfs. @returns false if another filesystem, or an old kernel, does not know it. @throws SystemError */
function ask(fd: number, call: number, info: Buffer, path: string): boolean {
  const done = tryIoctl(fd, call, info);
  if (done >= 0) return true;
  if (unknown.includes(-done)) return false;
  throw new SystemError(-done, 'ioctl', fromText(path));
}

const unknown: readonly number[] = [E.ENOTTY, E.EINVAL, E.ENOSYS, E.EOPNOTSUPP, E.EPERM, E.EACCES];
const absent: readonly number[] = [E.ENOENT, E.ENOTDIR, E.ELOOP, E.EPERM, E.EACCES];

/** @returns undefined if the path is missing, not a directory, or may not be read. @throws SystemError */
function withDirectoryIfThere<T>(path: string, use: (fd: number) => T): T | undefined {
  const fd = tryOpenat(AT_FDCWD, fromText(path), O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (absent.includes(-fd)) return undefined;
  if (fd < 0) throw new SystemError(-fd, 'openat', fromText(path));
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}
