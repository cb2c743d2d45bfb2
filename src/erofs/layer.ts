import { BadEntry, entryError } from '../layer/apply/errors.js';
import { hostID } from '../layer/apply/owners.js';
import { type FileType, typeBits } from '../layer/file-types.js';
import type { LowerFile } from '../layer/lower/lower-stack.js';
import { none } from '../layer/merged/names.js';
import type { CheckedEntry, MapOptions } from '../layer/types.js';
import type { LowerDependency } from '../overlay/fix-up/fix-up.js';
import type { LowerTree } from '../overlay/lower-tree.js';
import { type ByteString, showBytes } from '../system/bytes.js';
import { SystemError } from '../system/errno.js';
import { AT_FDCWD, readlinkat, S } from '../system/files.js';
import { baseName, parentOf } from '../system/paths.js';
import { filesPerStep, type Steps } from '../system/steps.js';
import { type LayerBudget, layerBudget, takeKeptPath } from '../tar/budget.js';
import type { AppendedData, Stretch } from './appended.js';
import { Below, describeLower } from './below.js';
import { encodeDevice, tarAt } from './format.js';
import { keptXattrs } from './kept-xattrs.js';
import { Links } from './links.js';
import { Paths } from './paths.js';
import { type Description, type ImageTree, listed, opaque, replaces } from './tree.js';
import { Whiteouts } from './whiteouts.js';
import { addXattr, BadXattr } from './xattrs.js';

export interface ImageLayerOptions {
  /** null for the lowest layer */
  lower: LowerTree | null;
  map: MapOptions;
  /** true: a symlink to a directory stays if the layer has a directory of its name (umoci's --keep-dirlinks) */
  keepDirlinks: boolean;
  /** digest of the layer's blob, for errors */
  digest: string;
  /** what the layers of the operation may cost; default: the default limits, for this layer alone */
  budget?: LayerBudget | undefined;
  /** log2 of the image's block size */
  blockBits: number;
  /** called where the image differs from the layer, once for each kind of difference */
  warn: (message: string) => void;
}

const symlinkMode = 0o777;
const opaqueMark = 'trusted.overlay.opaque';

/**
 * Applies the entries of a layer to the tree of an image, on top of the lower layers: the tree holds what an overlay of the
 * layers needs to show what extracting them into one directory would have given. image-spec layer.md, "Applying Changesets".
 */
export class ImageLayer {
  readonly #tree: ImageTree;
  readonly #options: ImageLayerOptions;
  readonly #below: Below;
  readonly #paths: Paths;
  readonly #budget: LayerBudget;
  readonly #whiteouts: Whiteouts;
  readonly #links: Links;
  /** sparse files, whose data is copied when all entries are read */
  readonly #sparse: { inode: number; size: number; stretches: Stretch[] }[] = [];
  readonly #lowerFiles: { inode: number; path: ByteString; size: number }[] = [];
  readonly #warned = new Set<string>();

  constructor(tree: ImageTree, options: ImageLayerOptions) {
    this.#tree = tree;
    this.#options = options;
    this.#below = new Below(options.lower);
    this.#budget = options.budget ?? layerBudget();
    this.#paths = new Paths(tree, this.#below, this.#budget);
    this.#whiteouts = new Whiteouts(tree, this.#paths, this.#below);
    this.#links = new Links(tree, this.#paths, this.#below, (file) => this.#copyLower(file));
    this.#paths.implicit.push(0);
  }

  /** Hides what a whiteout or opaque marker hides. Ignores other entries. @throws LayerhookError LAYER_ENTRY, SYSTEM */
  hide(entry: CheckedEntry): void {
    const { path, type } = entry;
    try {
      if (type === 'whiteout') this.#whiteouts.hide({ dirPath: parentOf(path), name: baseName(path) });
      else if (type === 'opaque') this.#whiteouts.hide({ dirPath: path, name: null });
    } catch (error) {
      throw this.#failed(error, path);
    }
  }

  /**
   * Applies an entry. Ignores whiteouts if there are lower layers: {@link hide} must have seen all of them before.
   *
   * @throws LayerhookError LAYER_ENTRY, ID_UNMAPPED, SYSTEM
   */
  add(entry: CheckedEntry): void {
    try {
      this.#add(entry);
    } catch (error) {
      throw this.#failed(error, entry.path);
    }
  }

  /**
   * Completes the tree after the last entry.
   *
   * @returns what the image took from the lower layers; null: it is valid only on top of the same layers
   * @throws LayerhookError LAYER_ENTRY, SYSTEM
   */
  *finish(data: AppendedData): Steps<LowerDependency[] | null> {
    try {
      yield* this.#links.finish(this.#options.digest);
      yield* this.#whiteouts.finish();
      yield* this.#describeImplicit();
      this.#markOpaque();
      yield* this.#copyData(data);
      return this.#below.dependencies();
    } catch (error) {
      throw this.#failed(error, error instanceof SystemError ? error.path : '.');
    }
  }

  #add(entry: CheckedEntry): void {
    const { path, type } = entry;
    takeKeptPath(this.#budget, entry);
    if (type === 'whiteout' || type === 'opaque') {
      if (this.#below.lower === null) this.hide(entry);
      return;
    }
    if (path === '.') {
      this.#describeDirectory(0, entry);
      return;
    }
    const directory = this.#paths.make(parentOf(path));
    const name = baseName(path);
    if (type === 'directory') this.#addDirectory(directory, name, entry);
    else if (type === 'hardlink') this.#links.add({ entry: path, directory, name, to: entry.linkname });
    else this.#set(directory, name, this.#make(entry));
  }

  #addDirectory(directory: number, name: ByteString, entry: CheckedEntry): void {
    if (this.#options.keepDirlinks && this.#keepLink(directory, name, entry)) return;
    const child = this.#tree.child(directory, name);
    const isThere = child !== none && this.#tree.isDirectory(child);
    const inode = isThere ? child : this.#paths.makeDirectory(directory, name);
    this.#describeDirectory(inode, entry);
  }

  #describeDirectory(inode: number, entry: CheckedEntry): void {
    this.#tree.describe(inode, this.#describe(entry, S.IFDIR | entry.mode));
    this.#tree.setFlag(inode, listed);
  }

  /** Keeps a symlink to a directory, and gives the link the metadata of the entry. @returns false for anything else */
  #keepLink(directory: number, name: ByteString, entry: CheckedEntry): boolean {
    const child = this.#tree.child(directory, name);
    const lower = child === none ? this.#paths.lowerOf(directory, name) : null;
    const target = lower?.stat.isSymlink ? readlinkat(AT_FDCWD, lower.path) : this.#tree.symlinks.get(child);
    if (target === undefined || this.#paths.find(entry.path, { own: true }) === null) return false;
    this.#set(directory, name, this.#addSymlink(target, this.#describe(entry, S.IFLNK | symlinkMode)));
    return true;
  }

  #set(directory: number, name: ByteString, inode: number): void {
    const replaced = this.#tree.child(directory, name);
    this.#tree.setChild(directory, name, inode);
    if (replaced !== none) this.#paths.invalidate();
  }

  /** Adds the inode of an entry of any type but directories and hardlinks. */
  #make(entry: CheckedEntry): number {
    const type = entry.type as FileType;
    if (type === 'symlink')
      return this.#addSymlink(entry.linkname, this.#describe(entry, S.IFLNK | symlinkMode));
    if (type === 'file') return this.#addFile(entry);
    const { devMajor, devMinor } = entry;
    if (type === 'char' && devMajor === 0 && devMinor === 0)
      throw new BadEntry('is a device 0:0, which overlayfs would read as a whiteout');
    const device = encodeDevice(devMajor, devMinor);
    if (device === undefined) throw new SystemError('EINVAL', 'mknod', entry.path);
    if (type !== 'fifo' && this.#options.map.rootless) {
      this.#warn(
        'device',
        `${showBytes(entry.path)}: devices need privileges, so an empty file takes its place`,
      );
      return this.#tree.add(this.#describe(entry, S.IFREG | entry.mode));
    }
    const inode = this.#tree.add(this.#describe(entry, typeBits[type] | entry.mode));
    this.#tree.setData(inode, 0, device);
    return inode;
  }

  #addSymlink(target: ByteString, description: Description): number {
    const inode = this.#tree.add(description);
    this.#tree.symlinks.set(inode, target);
    return inode;
  }

  #addFile(entry: CheckedEntry): number {
    const { size, offset, sparse } = entry;
    const inode = this.#tree.add(this.#describe(entry, S.IFREG | entry.mode));
    if (sparse !== null) this.#sparse.push({ inode, size, stretches: stretchesOf(entry, sparse) });
    else if (size > 0) this.#tree.setData(inode, size, (tarAt + offset) / 2 ** this.#options.blockBits);
    return inode;
  }

  #describe(entry: CheckedEntry, mode: number): Description {
    const { map } = this.#options;
    const warn = (kind: string, message: string) => this.#warn(kind, message);
    const xattrs = keptXattrs(entry, mode, map.rootless, warn);
    if (map.rootless) return { mode, uid: 0, gid: 0, mtime: entry.mtime, xattrs };
    const uid = hostID(entry.uid, map.uidMappings, 'uid', entry.path);
    const gid = hostID(entry.gid, map.gidMappings, 'gid', entry.path);
    return { mode, uid, gid, mtime: entry.mtime, xattrs };
  }

  /** Adds a lower file of any type but directory, whose data is copied later. */
  #copyLower(file: LowerFile): number {
    const { path, stat } = file;
    if (stat.isSymlink) return this.#addSymlink(readlinkat(AT_FDCWD, path), describeLower(file));
    const inode = this.#tree.add(describeLower(file));
    if (stat.isFile) this.#lowerFiles.push({ inode, path, size: stat.size });
    else this.#tree.setData(inode, 0, encodeDevice(stat.rdevMajor, stat.rdevMinor)!);
    return inode;
  }

  /** Gives directories that the layer does not list the metadata that the lower layers show, or else the default. */
  *#describeImplicit(): Steps<void> {
    const { uidMappings, gidMappings, rootless } = this.#options.map;
    const [uid, gid] = rootless
      ? [0, 0]
      : [hostID(0, uidMappings, 'uid', '.'), hostID(0, gidMappings, 'gid', '.')];
    const unlisted = { mode: S.IFDIR | 0o755, uid, gid, mtime: { sec: 0, nsec: 0 }, xattrs: new Map() };
    let count = 0;
    for (const inode of this.#paths.implicit) {
      if (++count % filesPerStep === 0) yield;
      if (this.#tree.has(inode, listed) || !this.#tree.isAttached(inode)) continue;
      const lower = this.#paths.lowerAt(inode);
      this.#tree.describe(inode, lower?.stat.isDirectory ? describeLower(lower) : unlisted);
    }
  }

  #markOpaque(): void {
    const { xattrs } = this.#tree;
    for (let inode = 1; inode < this.#tree.inodeCount; inode++) {
      if (!this.#tree.has(inode, replaces) && !this.#tree.has(inode, opaque)) continue;
      if (!this.#tree.isDirectory(inode)) continue;
      xattrs.set(inode, addXattr(xattrs.get(inode), opaqueMark, Buffer.from('y')));
    }
  }

  *#copyData(data: AppendedData): Steps<void> {
    for (const { inode, size, stretches } of this.#sparse) {
      this.#tree.setCopied(inode, size, yield* data.copyWithin(size, stretches));
    }
    for (const { inode, path, size } of this.#lowerFiles) {
      if (size === 0) continue;
      this.#tree.setCopied(inode, size, yield* data.copyFile(path, size));
    }
  }

  #warn(kind: string, message: string): void {
    if (this.#warned.has(kind)) return;
    this.#warned.add(kind);
    this.#options.warn(message);
  }

  #failed(error: unknown, path: ByteString): unknown {
    const { digest } = this.#options;
    if (error instanceof BadXattr) {
      const reason = `setxattr ${showBytes(error.xattr)}: ${error.message}`;
      return entryError(new BadEntry(reason), digest, path);
    }
    return entryError(error, digest, path);
  }
}

/** Returns where the data of a sparse file is in the image, and where it belongs in the file. */
function stretchesOf({ offset }: CheckedEntry, map: readonly number[]): Stretch[] {
  const stretches: Stretch[] = [];
  let from = tarAt + offset;
  for (let i = 0; i < map.length; i += 2) {
    const length = map[i + 1]!;
    stretches.push({ from, at: map[i]!, length });
    from += length;
  }
  return stretches;
}
