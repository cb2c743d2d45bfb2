import type { ByteString } from '../system/bytes.js';
import { E, SystemError } from '../system/errno.js';
import { AT_FDCWD, close, O, S, tryMknodat, tryOpenat } from '../system/files.js';
import type { StatBuffer } from '../system/stat.js';
import { getXattr, isUnsupported, listXattrs, setXattr } from '../system/xattr.js';
import type { OverlayXattr } from './types.js';

/**
 * What overlayfs writes on disk to hide lower layers, in every dialect: Linux Documentation/filesystems/overlayfs.rst,
 * "whiteouts and opaque directories"; fuse-overlayfs(1).
 */

/**
 * The overlayfs that wrote a directory, which decides the names of its marks: `trusted`, the kernel; `user`, the kernel
 * with the mount option userxattr; `fuse`, fuse-overlayfs, which also has whiteouts named `.wh.NAME`.
 */
export type OverlayFormat = OverlayXattr | 'fuse';

/** What the extended attributes of a file say to overlayfs. */
export interface Marks {
  /** of a directory: it hides what the lower layers have in it */
  opaque: boolean;
  /** of a directory: empty files in it with the mark `whiteout` are whiteouts */
  markedWhiteouts: boolean;
  /** the file is a whiteout, if it is empty and its directory has marked whiteouts */
  whiteout: boolean;
  /** the file holds metadata only: a lower layer has the content */
  metacopy: boolean;
  /** where the lower layers have it: a name in the same directory, or, with a slash, a path from the root */
  redirect: ByteString | undefined;
}

/** Prefixes of marks. New marks get the first one. */
const prefixes: Record<OverlayFormat, readonly [ByteString, ...ByteString[]]> = {
  trusted: ['trusted.overlay.'],
  user: ['user.overlay.'],
  fuse: ['user.fuseoverlayfs.', 'user.overlay.', 'trusted.overlay.'],
};

/** fuse-overlayfs reads a file as a whiteout if its name begins with this. */
export const whiteoutPrefix = '.wh.';
/** fuse-overlayfs reads a directory as opaque if it holds a file of this name. */
export const opaqueName = '.wh..wh..opq';

const unmarked: Marks = {
  opaque: false,
  markedWhiteouts: false,
  whiteout: false,
  metacopy: false,
  redirect: undefined,
};

/**
 * Reads the marks of a file.
 *
 * @param file path (a symlink is not followed), or a file descriptor
 * @throws SystemError
 */
export function readMarks(file: ByteString | number, format: OverlayFormat): Marks {
  const names = xattrNames(file);
  if (names.length === 0) return unmarked;
  const value = (mark: string): ByteString | undefined => {
    for (const prefix of prefixes[format]) {
      if (names.includes(prefix + mark)) return getXattr(file, prefix + mark)?.toString('latin1');
    }
    return undefined;
  };
  const opaque = value('opaque');
  return {
    opaque: opaque === 'y',
    markedWhiteouts: opaque === 'x',
    whiteout: value('whiteout') !== undefined,
    metacopy: value('metacopy') !== undefined,
    redirect: value('redirect') || undefined,
  };
}

/** Returns true if overlayfs acts on an attribute. It passes on an escaped one, `overlay.overlay.*`, as data. */
export function isMark(name: ByteString, format: OverlayFormat): boolean {
  return prefixes[format].some(
    (prefix) =>
      name.startsWith(prefix) &&
      (!prefix.endsWith('.overlay.') || !name.startsWith('overlay.', prefix.length)),
  );
}

/** Returns the name under which an attribute of an image is stored, so that overlayfs takes it as data: "Nesting". */
export function escapeXattr(name: ByteString, xattr: OverlayXattr): ByteString {
  const [prefix] = prefixes[xattr];
  return name.startsWith(prefix) ? `${prefix}overlay.${name.slice(prefix.length)}` : name;
}

/** Returns the name that a mount shows for an attribute on disk, or null for one that it hides. */
export function visibleXattr(name: ByteString, format: OverlayFormat): ByteString | null {
  if (isMark(name, format)) return null;
  const [prefix] = prefixes[format];
  const isEscaped = format !== 'fuse' && name.startsWith(`${prefix}overlay.`);
  return isEscaped ? prefix + name.slice(`${prefix}overlay.`.length) : name;
}

/** Returns true for the character device 0:0. The kernel gives all of its whiteouts one inode. */
export function isWhiteoutDevice(stat: StatBuffer): boolean {
  return stat.type === S.IFCHR && stat.rdevMajor === 0 && stat.rdevMinor === 0;
}

/**
 * Returns true if a file is a whiteout: the device 0:0 or, since Linux 6.7, a marked empty file. Whiteouts named `.wh.NAME`
 * need the names of the directory: the caller reads them, see `whiteoutPrefix`.
 *
 * @param marked true if the file's directory has marked whiteouts
 * @param path by which the mark is read
 */
export function isWhiteout(
  stat: StatBuffer,
  marked: boolean,
  path: ByteString,
  format: OverlayFormat,
): boolean {
  if (isWhiteoutDevice(stat)) return true;
  return marked && stat.isFile && stat.size === 0 && readMarks(path, format).whiteout;
}

/** Makes a directory opaque. @throws SystemError */
export function markOpaque(directory: ByteString | number, format: OverlayFormat): void {
  setMark(directory, 'opaque', 'y', format);
}

/** What {@link tryMakeWhiteout} returns if {@link announceWhiteouts} must follow. */
export const madeMarkedFile = 1;

/**
 * Makes a whiteout where nothing is. Where the kernel refuses the device 0:0, as kernels before 5.8 do without privileges
 * over the host, it makes the other form that the dialect reads: a marked empty file, or the file `.wh.NAME`.
 *
 * @param dirfd an open directory, or AT_FDCWD for an absolute `name`
 * @returns 0, {@link madeMarkedFile}, or a negative error number
 * @throws SystemError if the mark cannot be set
 */
export function tryMakeWhiteout(dirfd: number, name: ByteString, format: OverlayFormat): number {
  const done = tryMknodat(dirfd, name, S.IFCHR, 0, 0);
  if (done !== -E.EPERM) return done;
  const base = name.lastIndexOf('/') + 1;
  const file = format === 'fuse' ? name.slice(0, base) + whiteoutPrefix + name.slice(base) : name;
  const fd = tryOpenat(dirfd, file, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600);
  if (fd < 0) return fd;
  try {
    if (format === 'fuse') return 0;
    setMark(fd, 'whiteout', 'y', format);
    return madeMarkedFile;
  } finally {
    close(fd);
  }
}

/**
 * Tells overlayfs that directories have marked whiteouts: it looks for marks only in a directory and a layer that say so.
 *
 * @param directories the directory of the whiteout, and the root of its layer
 * @throws SystemError
 */
export function announceWhiteouts(directories: (ByteString | number)[], format: OverlayFormat): void {
  for (const directory of directories) {
    const { opaque, markedWhiteouts } = readMarks(directory, format);
    if (!opaque && !markedWhiteouts) setMark(directory, 'opaque', 'x', format);
  }
}

/**
 * Makes a whiteout below the root of a layer, with all that belongs to it.
 *
 * @param root absolute path of the layer's directory
 * @param path in the layer; its directory exists there
 * @throws SystemError
 */
export function makeWhiteout(root: ByteString, path: ByteString, format: OverlayFormat): void {
  const at = `${root}/${path}`;
  const done = tryMakeWhiteout(AT_FDCWD, at, format);
  if (done < 0) throw new SystemError(-done, 'mknodat', at);
  if (done === madeMarkedFile) announceWhiteouts([at.slice(0, at.lastIndexOf('/')), root], format);
}

/** Returns the names of a file's attributes: none if it vanished or cannot have any. @throws SystemError */
export function xattrNames(file: ByteString | number): ByteString[] {
  try {
    return listXattrs(file);
  } catch (error) {
    if (isUnsupported(error) || (error instanceof SystemError && error.errno === E.ENOENT)) return [];
    throw error;
  }
}

function setMark(file: ByteString | number, mark: string, value: string, format: OverlayFormat): void {
  setXattr(file, prefixes[format][0] + mark, Buffer.from(value));
}
