import { constants, copyFileSync } from 'node:fs';
import { readlinkat, statAt, withAccess } from '../../system/access.js';
import { fchmodat, fchownat, utimensat } from '../../system/attributes.js';
import { type ByteString, toBuffer } from '../../system/bytes.js';
import { AT_FDCWD, linkat, mknodat, symlinkat } from '../../system/files.js';
import { baseName, componentsReversed, parentOf } from '../../system/paths.js';
import { pathIn, readXattrs, setXattr } from '../../system/xattr.js';
import { isHostXattr } from '../host-xattrs.js';
import type { LowerFile } from '../lower/lower-stack.js';
import { isMark } from '../overlay-marks.js';
import type { OverlayXattr } from '../types.js';
import { walk } from '../walk/index.js';
import { BadPath } from './errors.js';
import type { Resolver } from './resolve.js';
import type { Target } from './target.js';
import { DirectoryNode } from './tree.js';
import type { Xattrs } from './xattrs.js';

interface LowerFilesOptions {
  /** directories of the layers below, highest first */
  lowerdirs: readonly string[];
  xattrs: Xattrs;
  overlayXattr: OverlayXattr;
  /** false: all files belong to the present user */
  setsOwners: boolean;
}

/**
 * Copies files of the layers below into the directory of a layer, so that links can be made to them. A file is copied with
 * all its names, so that they stay one file: overlayfs itself would copy up one name only.
 *
 * The copies have no nodes in the tree: whiteouts hide them, as they hide the files of the layers below.
 */
export class LowerFiles {
  readonly #target: Target;
  readonly #resolver: Resolver;
  readonly #options: LowerFilesOptions;
  /** names of the files that have several, by inode, for each layer that was needed */
  readonly #names = new Map<number, Map<bigint, ByteString[]>>();

  constructor(target: Target, resolver: Resolver, options: LowerFilesOptions) {
    this.#target = target;
    this.#resolver = resolver;
    this.#options = options;
  }

  /**
   * Copies the file that the layers below have under a name. Changes nothing if they have none, or it is there already.
   *
   * @throws BadPath for a directory; SystemError
   */
  copyUp(dir: DirectoryNode, name: ByteString): void {
    const file = this.#target.findLower(dir, name);
    if (file === null) return;
    if (file.directory !== null) throw new BadPath('is a hardlink to a directory');
    if (statAt(this.#target.fd(dir), name, this.#target.stat)) return;
    this.#target.touch(dir);
    this.#copy(file, dir, name);
    if (file.stat.nlink === 1) return;
    for (const path of this.#namesOf(file)) this.#linkOther(file, { dir, name }, path);
  }

  #copy({ path, stat }: LowerFile, dir: DirectoryNode, name: ByteString): void {
    const { xattrs, overlayXattr, setsOwners } = this.#options;
    const parent = this.#target.fd(dir);
    const copy = pathIn(parent, name);
    if (stat.isSymlink) symlinkat(readlinkat(AT_FDCWD, path), parent, name);
    else if (stat.isFile) {
      const { COPYFILE_EXCL, COPYFILE_FICLONE } = constants;
      withAccess(AT_FDCWD, path, () =>
        copyFileSync(toBuffer(path), toBuffer(copy), COPYFILE_EXCL | COPYFILE_FICLONE),
      );
    } else mknodat(parent, name, stat.type | 0o600, stat.rdevMajor, stat.rdevMinor);
    if (dir.defaultAcl && !stat.isSymlink) xattrs.clear(copy);
    if (setsOwners) fchownat(parent, name, stat.uid, stat.gid);
    if (!stat.isSymlink) fchmodat(parent, name, stat.mode | 0o600);
    for (const [attribute, value] of readXattrs(path)) {
      if (!isHostXattr(attribute) && !isMark(attribute, overlayXattr)) setXattr(copy, attribute, value);
    }
    if (!stat.isSymlink) fchmodat(parent, name, stat.mode);
    const { mtime } = stat;
    utimensat(parent, name, mtime, mtime);
  }

  /** Makes another name of a copied file, unless the layer or another one has replaced that name. */
  #linkOther(file: LowerFile, copy: { dir: DirectoryNode; name: ByteString }, path: ByteString): void {
    const { stat } = this.#target;
    this.#target.nextEntry();
    let dir = this.#target.tree.root;
    for (const name of componentsReversed(parentOf(path)).reverse()) {
      const isLower = this.#target.findLower(dir, name)?.directory != null;
      const next = isLower ? this.#resolver.step(dir, name, true) : dir.children.get(name);
      if (!(next instanceof DirectoryNode)) return;
      dir = next;
    }
    const name = baseName(path);
    const found = this.#target.findLower(dir, name);
    if (found === null || found.layer !== file.layer || found.stat.ino !== file.stat.ino) return;
    if (statAt(this.#target.fd(dir), name, stat)) return;
    this.#target.touch(dir);
    linkat(this.#target.fd(copy.dir), copy.name, this.#target.fd(dir), name);
  }

  #namesOf({ layer, stat }: LowerFile): readonly ByteString[] {
    let names = this.#names.get(layer);
    if (names === undefined) {
      names = namesByInode(this.#options.lowerdirs[layer]!);
      this.#names.set(layer, names);
    }
    return names.get(stat.ino) ?? [];
  }
}

/** Returns the paths of all files with several names in the directory of a layer. */
function namesByInode(directory: string): Map<bigint, ByteString[]> {
  const names = new Map<bigint, ByteString[]>();
  walk(directory, (path, { isDirectory, nlink, ino }) => {
    if (isDirectory || nlink === 1) return;
    const known = names.get(ino);
    if (known === undefined) names.set(ino, [path]);
    else known.push(path);
  });
  return names;
}
