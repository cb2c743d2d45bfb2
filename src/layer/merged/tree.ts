import { LayerhookError } from '../../errors/index.js';
import type { ByteString } from '../../system/bytes.js';
import { maxDepth, nameMax } from '../../system/path-limits.js';
import { childOf } from '../../system/paths.js';
import type { Steps } from '../../system/steps.js';
import { BadEntry, BadPath, tooLong } from '../apply/errors.js';
import { bytes, shorts, words } from './columns.js';
import { Inodes, type Metadata } from './inodes.js';
import { Names, none } from './names.js';

/**
 * Names that a tree may have, and files, also those that later layers remove. A tree of 1,000,000 names took 190 MiB, so the
 * largest one takes about 2 GiB.
 */
const defaultMaxNames = 10_000_000;
/** Bytes of all names, and of all link targets and xattrs. */
const maxTextBytes = 2 ** 30;

/** The name is hidden by a whiteout of the layer that is applied now: only hardlinks reach it. */
const hidden = 1;
/** The name is not in the list of its directory, because it leads nowhere. */
const unlisted = 2;

/** A name in a directory, with the file that it leads to. */
export interface Child {
  name: ByteString;
  inode: number;
  /** index of the layer that the name comes from: for a hardlink it may be above the layer of the file */
  layer: number;
}

export interface Walked extends Child {
  /** path in the root; `.` is the root */
  path: ByteString;
}

/** Learns what a layer changes in a tree while the layer is merged. */
export interface TreeWatcher {
  /** Called before a name leads to another file, or to nothing. The same name may come several times. */
  onName(name: number): void;
  /** Called before a directory gets new attributes. */
  onDirectory(inode: number): void;
  /** Called after each layer. @param tarBytes bytes of the uncompressed layer */
  onLayer(layer: number, tarBytes: number): Steps<void>;
}

/** The directory that a tree begins with; a directory without an entry is the same. */
export const implicit: Metadata = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: { sec: 0, nsec: 0 },
  xattrs: new Map(),
};

/**
 * All files of an image: the result of its layers without extracting them. Inode 0 is the root directory.
 *
 * `readMergedTree` (read.ts) makes one from layers. {@link walk} lists it, `lookUp` (look-up.ts) finds a path as a process
 * in the image would, {@link inodes} describes the files, and `readData` (data.ts) gives their content in the order of the
 * layers' tars. An inode with several names is a hardlink: {@link linkCounts}.
 *
 * A tree is columns of numbers, less than 200 bytes for a file, so that an image with millions of files fits into memory.
 * The methods that change it are for merge.ts.
 */
export class MergedTree {
  readonly inodes = new Inodes();
  readonly names = new Names();
  /** by name: the layer, and flags */
  readonly #layerOfName = shorts();
  readonly #flags = bytes();
  /** by inode of a directory: its first name; the others follow through {@link Names.next} */
  readonly #first = words();
  /** by inode of a directory: the name that leads to it */
  readonly #name = words();
  readonly #depth = shorts();

  readonly #maxNames: number;
  /** learns of all later changes */
  watcher: TreeWatcher | undefined;

  /** @param maxNames limit on the names in all layers, and on the files */
  constructor(maxNames: number = defaultMaxNames) {
    this.#maxNames = maxNames;
    this.inodes.describe(this.addInode('directory'), implicit, 0);
  }

  /** Returns the children of a directory, sorted by the bytes of their names. */
  *children(directory: number): Generator<Child> {
    for (const name of this.#sortedNames(directory)) yield this.#child(name);
  }

  /** Visits all files with their paths: a directory before its children, siblings sorted by the bytes of their names. */
  *walk(from: Walked = { path: '.', name: '', inode: 0, layer: this.inodes.layer(0) }): Generator<Walked> {
    yield from;
    if (!this.inodes.isDirectory(from.inode)) return;
    const stack = [{ path: from.path, names: this.#sortedNames(from.inode), at: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.at === top.names.length) {
        stack.pop();
        continue;
      }
      const child = this.#child(top.names[top.at++]!);
      const path = childOf(top.path, child.name);
      yield { path, ...child };
      if (this.inodes.isDirectory(child.inode))
        stack.push({ path, names: this.#sortedNames(child.inode), at: 0 });
    }
  }

  /** Returns the number of names of each inode that the root leads to, by inode. */
  linkCounts(): Uint32Array {
    const counts = new Uint32Array(this.inodes.length);
    for (const { inode } of this.walk()) counts[inode]!++;
    return counts;
  }

  /** Returns the inode of a name in a directory, or {@link none}. */
  child(directory: number, text: ByteString): number {
    const name = this.names.find(directory, text);
    return name === none ? none : this.names.inode(name);
  }

  /** Returns the directory above a directory; the root is above itself. */
  parent(directory: number): number {
    const name = this.#name.get(directory);
    return name === none ? directory : this.names.directory(name);
  }

  /** Returns the name that leads to a directory, or led to it when it was made; {@link none} for the root. */
  nameOfDirectory(directory: number): number {
    return this.#name.get(directory);
  }

  isBelow(directory: number, other: number): boolean {
    for (let at = directory; ; at = this.parent(at)) {
      if (at === other) return true;
      if (at === 0) return false;
    }
  }

  /** Returns true if a directory can still be reached from the root. */
  isAttached(directory: number): boolean {
    for (let at = directory; at !== 0; at = this.parent(at))
      if (this.names.inode(this.#name.get(at)) !== at) return false;
    return true;
  }

  layerOfName(name: number): number {
    return this.#layerOfName.get(name);
  }

  isHidden(name: number): boolean {
    return (this.#flags.get(name) & hidden) !== 0;
  }

  hide(name: number): void {
    this.#flags.set(name, this.#flags.get(name) | hidden);
  }

  addInode(type: Parameters<Inodes['add']>[0]): number {
    for (const column of [this.#first, this.#name]) column.push(none);
    this.#depth.push(0);
    return this.inodes.add(type);
  }

  /** Adds an empty directory in place of what has the name. @throws BadPath */
  addDirectory(parent: number, text: ByteString, layer: number): number {
    const depth = this.#depth.get(parent) + 1;
    if (depth > maxDepth) throw new BadPath(tooLong);
    const inode = this.addInode('directory');
    this.#depth.set(inode, depth);
    this.#name.set(inode, this.setChild(parent, text, inode, layer));
    return inode;
  }

  /** Replaces the attributes of a file. @param layer index of the layer that says so */
  describe(inode: number, metadata: Metadata, layer: number): void {
    if (this.watcher !== undefined && this.inodes.isDirectory(inode)) this.watcher.onDirectory(inode);
    this.inodes.describe(inode, metadata, layer);
  }

  /** Makes a name of a directory lead to an inode. @returns the name @throws BadEntry */
  setChild(directory: number, text: ByteString, inode: number, layer: number): number {
    const name = this.nameOf(directory, text);
    this.watcher?.onName(name);
    if ((this.#flags.get(name) & unlisted) !== 0) {
      this.names.setNext(name, this.#first.get(directory));
      this.#first.set(directory, name);
    }
    this.names.setInode(name, inode);
    this.#layerOfName.set(name, layer);
    this.#flags.set(name, 0);
    return name;
  }

  removeChild(name: number): void {
    this.watcher?.onName(name);
    this.names.setInode(name, none);
    this.#flags.set(name, this.#flags.get(name) & ~hidden);
  }

  /** Returns the number of a name, also if it leads nowhere. @throws BadEntry */
  nameOf(directory: number, text: ByteString): number {
    const known = this.names.find(directory, text);
    if (known !== none) return known;
    if (text.length > nameMax) throw new BadPath(tooLong);
    if (text.includes('\0')) throw new BadEntry('has a name with a NUL byte');
    this.#layerOfName.push(0);
    this.#flags.push(unlisted);
    return this.names.add(directory, text, none, none);
  }

  /** Limits the memory of the tree. To be called after each entry. @throws LayerhookError LIMIT_EXCEEDED */
  checkLimits(): void {
    const over = (what: string, limit: number) => new LayerhookError('LIMIT_EXCEEDED', { what, limit });
    const most = this.#maxNames;
    if (this.names.length > most) throw over('number of names in the layers of the image', most);
    if (this.inodes.length > most) throw over('number of files in the layers of the image', most);
    if (this.names.textBytes > maxTextBytes)
      throw over('bytes of all names in the layers of the image', maxTextBytes);
    if (this.inodes.extraBytes > maxTextBytes)
      throw over('bytes of all link targets and xattrs in the layers of the image', maxTextBytes);
  }

  /** Returns the names in a directory, without those that lead nowhere. The list then drops these. */
  namesIn(directory: number): number[] {
    const live: number[] = [];
    let last = none;
    for (let name = this.#first.get(directory), next = none; name !== none; name = next) {
      next = this.names.next(name);
      if (this.names.inode(name) === none) {
        this.#flags.set(name, this.#flags.get(name) | unlisted);
        continue;
      }
      if (last === none) this.#first.set(directory, name);
      else this.names.setNext(last, name);
      live.push(name);
      last = name;
    }
    if (last === none) this.#first.set(directory, none);
    else this.names.setNext(last, none);
    return live;
  }

  #sortedNames(directory: number): number[] {
    return this.namesIn(directory).sort((a, b) => this.names.compare(a, b));
  }

  #child(name: number): Child {
    const inode = this.names.inode(name);
    return { name: this.names.text(name), inode, layer: this.#layerOfName.get(name) };
  }
}
