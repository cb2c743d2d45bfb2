import { type ByteString, E, getXattr, isUnsupported, listXattrs, SystemError } from 'layerhook/system';

/**
 * Which overlayfs wrote a directory, and so the names of what it marks files with: `trusted`, the kernel's own; `user`,
 * the kernel's with the mount option userxattr; `fuse`, fuse-overlayfs', which has whiteouts named `.wh.NAME` too.
 */
export type OverlayFormat = 'trusted' | 'user' | 'fuse';

/** What overlayfs has noted of a file in its extended attributes. */
export interface Marks {
  /** of a directory: nothing of the layers below shows in it */
  opaque: boolean;
  /** of a directory: empty files in it that are marked so are whiteouts */
  markedWhiteouts: boolean;
  /** the file is a whiteout, if it is empty and its directory says that there are such */
  whiteout: boolean;
  /** a file of metadata alone: the content is a lower layer's */
  metacopy: boolean;
  /** where the layers below have it: a name in the same directory, or with a slash a path from the root */
  redirect: ByteString | undefined;
}

const namespaces: Record<OverlayFormat, ByteString[]> = {
  trusted: ['trusted.overlay.'],
  user: ['user.overlay.'],
  fuse: ['user.fuseoverlayfs.', 'user.overlay.', 'trusted.overlay.'],
};

/** The name of a file beginning with this is a whiteout to fuse-overlayfs. */
export const whiteoutPrefix = '.wh.';
/** A file of this name marks its directory as opaque to fuse-overlayfs. */
export const opaqueName = '.wh..wh..opq';

const unmarked: Marks = {
  opaque: false,
  markedWhiteouts: false,
  whiteout: false,
  metacopy: false,
  redirect: undefined,
};

/**
 * Reads a file's marks; Linux Documentation/filesystems/overlayfs.rst.
 *
 * @param file path, itself if it is a symlink, or an open file
 * @throws SystemError
 */
export function readMarks(file: ByteString | number, format: OverlayFormat): Marks {
  const names = namesOf(file);
  if (names.length === 0) return unmarked;
  const value = (mark: string): ByteString | undefined => {
    for (const prefix of namespaces[format]) {
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

/** Whether an attribute is overlayfs' own; one of an overlay inside it, escaped as `overlay.overlay.*`, is not. */
export function isMark(name: ByteString, format: OverlayFormat): boolean {
  return namespaces[format].some(
    (prefix) =>
      name.startsWith(prefix) &&
      (!prefix.endsWith('.overlay.') || !name.startsWith('overlay.', prefix.length)),
  );
}

/** The names of attributes; none of what has vanished, or where there are none. @throws SystemError */
export function namesOf(file: ByteString | number): ByteString[] {
  try {
    return listXattrs(file);
  } catch (error) {
    if (isUnsupported(error) || (error instanceof SystemError && error.errno === E.ENOENT)) return [];
    throw error;
  }
}
