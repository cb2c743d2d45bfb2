import { randomBytes } from 'node:crypto';
import { constants, openSync } from 'node:fs';
import { fsError } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { walk } from '../layer/walk/index.js';
import { type ByteString, fromText, showBytes } from '../system/bytes.js';
import { writeAndClose } from '../system/close-on-error.js';
import { AT_FDCWD, readlinkat } from '../system/files.js';
import { baseName, parentOf } from '../system/paths.js';
import { removeFile } from '../system/regular-file.js';
import { inodeNumber, type StatBuffer } from '../system/stat.js';
import { atOnce } from '../system/steps.js';
import { pathIn, readXattrs } from '../system/xattr.js';
import { AppendedData } from './appended.js';
import { encodeDevice, tarAt, tarBlockBits } from './format.js';
import { type Description, ImageTree } from './tree.js';
import { writeMetadata } from './write.js';
import { BadXattr, isXattrSupported } from './xattrs.js';

/**
 * Makes an EROFS image that shows the files of a directory, with overlayfs' whiteouts and marks unchanged. The image holds a
 * copy of the data and no tar. Attributes of classes that EROFS lacks belong to the host's filesystem, and stay out.
 *
 * @param image path of the new file; removed if the image cannot be made
 * @throws LayerhookError LIMIT_EXCEEDED if no image can hold the files; NO_SPACE, SYSTEM
 */
export function writeDirectoryImage(directory: string, image: string): void {
  const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  try {
    const fd = openSync(image, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
    writeAndClose(fd, fromText(image), () => write(fd, directory));
  } catch (error) {
    removeFile(image);
    throw fsError(error, `making the EROFS image ${image}`);
  }
}

function write(fd: number, directory: string): void {
  const copy = new DirectoryCopy(new AppendedData(fd, tarAt, tarBlockBits));
  walk(directory, (path, stat, dirfd, name) => copy.add(path, stat, pathIn(dirfd, name)));
  const { tree, data } = copy;
  atOnce(writeMetadata(fd, tree, { blockBits: tarBlockBits, at: data.end, uuid: randomBytes(16) }));
}

class DirectoryCopy {
  readonly tree = new ImageTree();
  readonly data: AppendedData;
  readonly #directories = new Map<ByteString, number>([['.', 0]]);
  /** files with several names, by the inode that they have on disk */
  readonly #linked = new Map<string, number>();

  constructor(data: AppendedData) {
    this.data = data;
  }

  /** @param file a path by which the file can be read */
  add(path: ByteString, stat: StatBuffer, file: ByteString): void {
    try {
      if (path === '.') this.tree.describe(0, describe(stat, file));
      else if (stat.isDirectory) this.#addDirectory(path, stat, file);
      else this.tree.setChild(this.#parentOf(path), baseName(path), this.#inodeOf(stat, file));
    } catch (error) {
      throw error instanceof BadXattr ? tooLarge(error, path) : error;
    }
  }

  #parentOf(path: ByteString): number {
    return this.#directories.get(parentOf(path))!;
  }

  #addDirectory(path: ByteString, stat: StatBuffer, file: ByteString): void {
    const inode = this.tree.addDirectory(this.#parentOf(path), baseName(path));
    this.tree.describe(inode, describe(stat, file));
    this.#directories.set(path, inode);
  }

  #inodeOf(stat: StatBuffer, file: ByteString): number {
    if (stat.nlink === 1) return this.#make(stat, file);
    const key = inodeNumber(stat);
    const inode = this.#linked.get(key) ?? this.#make(stat, file);
    this.#linked.set(key, inode);
    return inode;
  }

  #make(stat: StatBuffer, file: ByteString): number {
    const { tree } = this;
    const inode = tree.add(describe(stat, file));
    if (stat.isSymlink) tree.symlinks.set(inode, readlinkat(AT_FDCWD, file));
    else if (stat.isFile) {
      if (stat.size > 0) tree.setCopied(inode, stat.size, atOnce(this.data.copyFile(file, stat.size)));
    } else tree.setData(inode, 0, encodeDevice(stat.rdevMajor, stat.rdevMinor)!);
    return inode;
  }
}

/** @throws LayerhookError LIMIT_EXCEEDED for attributes that are too large for EROFS; SystemError */
function describe(stat: StatBuffer, file: ByteString): Description {
  const { type, mode, uid, gid, mtimeSec, mtimeNsec } = stat;
  const xattrs = new Map([...readXattrs(file)].filter(([name]) => isXattrSupported(name)));
  return { mode: type | mode, uid, gid, mtime: { sec: mtimeSec, nsec: mtimeNsec }, xattrs };
}

function tooLarge(error: BadXattr, path: ByteString): LayerhookError {
  const what = `attribute ${showBytes(error.xattr)} of ${showBytes(path)}`;
  return new LayerhookError('LIMIT_EXCEEDED', { what, limit: 'what EROFS holds' }, error);
}
